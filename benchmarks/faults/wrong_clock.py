"""Runs the `rhesis-app` command with a wrong clock: `python -m benchmarks.faults.wrong_clock SECONDS ARGUMENT…`."""

import sys
from datetime import UTC, datetime, timedelta

import time_machine

if __name__ == "__main__":
    off = timedelta(seconds=float(sys.argv.pop(1)))
    time_machine.travel(datetime.now(UTC) + off, tick=True).start()
    from rhesis_app.cli import main

    main()
