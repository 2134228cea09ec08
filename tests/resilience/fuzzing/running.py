"""Fuzzing a target in a process of its own, and what it said at its end."""

from __future__ import annotations

import dataclasses
import math
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.resilience.fuzzing.targets import target

PROJECT = Path(__file__).parents[3]
KEPT = PROJECT / "tests" / "artefacts" / "fuzzing"
LONGEST_INPUT = 4096
SLOWEST_S = 30
"""An input that takes longer than this on a busy machine makes a parser hang, not wait."""
LARGEST_MB = 2048
"""An input for which more than this is asked for has found a bomb."""
AT_A_TIME = 5_000
"""Inputs of one process: the fuzzer keeps more than 100 KB of some, of which our parsers, without it, keep nothing."""

HERE = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)
"""Whether there is a fuzzer for this machine and this Python."""
NOT_HERE = "atheris has no wheel for this machine and this Python: Linux on x86-64 and Python up to 3.13"


@dataclasses.dataclass(frozen=True)
class Run:
    """What came of fuzzing a target: inputs tried, those worth keeping, and what is wrong (empty if nothing)."""

    inputs: int
    corpus: int
    wrong: str


def install() -> None:
    """Make the fuzzer's environment if it is not there."""
    subprocess.run(
        ["sh", "requirements/tool.sh", "fuzz"], cwd=PROJECT, check=True, env={**os.environ, "PYTHON": sys.executable}
    )


def fuzz(name: str, corpus: Path, *, inputs: float = math.inf, seconds: float = math.inf, seed: int = 0) -> Run:
    """Fuzz a target from a corpus, which grows: until so many inputs are tried, so many seconds over, or one is wrong.

    `seed` makes a run of so many inputs the same each time; without it, each is another.
    """
    tried, wrong, end = 0, "", time.monotonic() + seconds
    while tried < inputs and not wrong and (left := end - time.monotonic()) > 0:
        options = [f"-runs={min(AT_A_TIME, inputs - tried)}", f"-seed={seed and seed + tried}"]
        if left < math.inf:
            options.append(f"-max_total_time={math.ceil(left)}")
        more, wrong = _fuzz_once(name, corpus, options)
        tried += more
    return Run(tried, len(list(corpus.iterdir())), wrong)


def _fuzz_once(name: str, corpus: Path, options: Sequence[str]) -> tuple[int, str]:
    """One process of the fuzzer: inputs tried, and what is wrong."""
    findings = KEPT / name
    findings.mkdir(parents=True, exist_ok=True)
    command = [
        PROJECT / ".tools" / "fuzz" / "bin" / "python",
        *("-m", "tests.resilience.fuzzing.start", name, corpus),
        *(f"-artifact_prefix={findings}/", f"-max_len={LONGEST_INPUT}", f"-timeout={SLOWEST_S}"),
        *(f"-malloc_limit_mb={LARGEST_MB}", f"-rss_limit_mb={LARGEST_MB}"),
        *("-print_final_stats=1", *options),
    ]
    # With another order of sets each time, a seed would repeat nothing.
    ended = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )
    said = ended.stdout + ended.stderr
    tried = re.search(r"stat::number_of_executed_units: (\d+)", said)
    return (int(tried[1]) if tried else 0), ("" if ended.returncode == 0 and tried else said[-6000:])


def replay(name: str, file: Path) -> None:
    """Give one input to a target, without the fuzzer; it raises what it did then."""
    target(name).check(file.read_bytes())
