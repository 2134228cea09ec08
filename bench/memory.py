"""The largest resident size of a program."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

# Started by a small process in between: Linux counts what a program's parent held at the time of its start as the
# program's own.
_MEASURE = """
import resource, subprocess, sys
ended = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(ended.returncode)
"""


def peak_memory_mb(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run the command and return the largest resident size that it had, in MB.

    Raises:
        RuntimeError: it did not end with status 0; the text is what it said.
    """
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], env=environment, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"it ended with status {ended.returncode}: {ended.stderr}")
    return int(ended.stdout) / 1024
