"""Pages of schedules."""

from typing import Any
from uuid import UUID

from flask import Blueprint

blueprint = Blueprint("schedules", __name__)
