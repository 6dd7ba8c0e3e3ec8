"""Lets the tests run from a checkout, before the package is installed."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("rhesis_plugin_template") is None:
    sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
