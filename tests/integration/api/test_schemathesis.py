"""The API keeps what its OpenAPI document says, whatever is asked: all checks of schemathesis."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import PROJECT
from tests.integration.api.conftest import Served

EXAMPLES = 25  # random requests for each address and phase, besides the systematic ones


def test_the_document_is_kept(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve()
    said = run_schemathesis(served, tmp_path, "examples,coverage,fuzzing", EXAMPLES)
    assert "Tested: 10" in said
    statuses = {line["status"] for line in served.logged() if line["logger"] == "windsock.access"}
    assert {200, 400, 404, 405} <= statuses


def run_schemathesis(served: Served, folder: Path, phases: str, examples: int, seed: int = 1, minutes: int = 4) -> str:
    """All checks in these phases, with so many random requests for each address; what it said of its success."""
    command = [
        Path(sys.executable).parent / "schemathesis",
        "--no-color",
        "run",
        f"{served.url}/openapi.json",
        "--checks=all",
        f"--phases={phases}",
        f"--max-examples={examples}",
        f"--seed={seed}",
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.integration.api.schemathesis_hooks",
        "PYTHONPATH": str(PROJECT),
    }
    result = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=minutes * 60, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
