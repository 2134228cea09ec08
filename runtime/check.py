"""Whether programs would accept their environment, before they are started.

`python -m runtime.check app.settings:ApiSettings worker.settings:ScheduleSettings`
"""

from __future__ import annotations

import argparse
import importlib
import sys

from runtime.environment import SettingsError, load


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0, or 2 with each missing or malformed variable on standard error."""
    parser = argparse.ArgumentParser(prog="python -m runtime.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("settings", nargs="+", metavar="MODULE:CLASS", help="a program's settings class")
    problems: dict[str, None] = {}  # two programs may share a variable: a set that keeps the order
    for settings in parser.parse_args(arguments).settings:
        module, _, name = settings.partition(":")
        try:
            load(getattr(importlib.import_module(module), name))
        except SettingsError as error:
            problems |= dict.fromkeys(str(error).splitlines())
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 2 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
