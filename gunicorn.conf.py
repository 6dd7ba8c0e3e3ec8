"""gunicorn finds this file by its name; the configuration itself travels in the wheel, see there."""

from rhesis_app.infra.gunicorn_conf import *  # noqa: F403 - gunicorn reads every name
