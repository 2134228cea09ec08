"""Whether a program would accept its environment, before it is started.

    python -m runtime.check worker.settings:Settings
"""

from __future__ import annotations

import argparse
import importlib
import sys

from runtime.environment import SettingsError, load


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0, or 2 with each missing or malformed variable on standard error."""
    parser = argparse.ArgumentParser(prog="python -m runtime.check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("settings", metavar="MODULE:CLASS", help="the program's settings class")
    module, _, name = parser.parse_args(arguments).settings.partition(":")
    try:
        load(getattr(importlib.import_module(module), name))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
