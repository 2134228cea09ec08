"""`make fuzz`: all targets, or those that are named, one after the other; what they find goes on from run to run.

python -m tests.resilience.fuzzing [--seconds 600] [TARGET ...]
python -m tests.resilience.fuzzing --replay FILE TARGET
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.resilience.fuzzing import running
from tests.resilience.fuzzing.targets import NAMES

CORPORA = running.KEPT / "corpora"


def main() -> int:
    """Fuzz, with a line for each target; 1 when one of them was made to fall over."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=600, help="for all of them together")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="give this input to the target, without the fuzzer")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(NAMES)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    names = arguments.targets or NAMES
    if arguments.replay:
        for name in names:
            running.replay(name, arguments.replay)
        return 0
    if not running.HERE:
        parser.error(running.NOT_HERE)
    running.install()
    wrong = False
    for name in names:
        run = running.fuzz(name, CORPORA / name, seconds=arguments.seconds / len(names))
        wrong |= bool(run.wrong)
        sys.stdout.write(
            f"{name:<16} {run.inputs:>10,} inputs, {run.corpus:,} kept: {'WRONG' if run.wrong else 'ok'}\n"
        )
        sys.stdout.write(run.wrong)
        sys.stdout.flush()
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
