"""The references that are programs of their own, in the environment that `requirements/tool.sh bench` makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parent.parent
REFERENCES_PYTHON = PROJECT / ".tools" / "bench" / "bin" / "python"


def run_reference(module: str, *arguments: str | Path, **variables: str) -> str:
    """What a module of bench/references prints.

    Raises:
        RuntimeError: it failed; the text is what it said.
    """
    ended = subprocess.run(
        [REFERENCES_PYTHON, "-m", f"bench.references.{module}", *arguments],
        env={**os.environ, **variables},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{module} ended with status {ended.returncode}: {ended.stderr[-2000:]}")
    return ended.stdout
