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
    command = [
        Path(sys.executable).parent / "schemathesis",
        "--no-color",
        "run",
        f"{served.url}/openapi.json",
        "--checks=all",
        "--phases=examples,coverage,fuzzing",
        f"--max-examples={EXAMPLES}",
        "--seed=1",
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.integration.api.schemathesis_hooks",
        "PYTHONPATH": str(PROJECT),
    }
    result = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Tested: 10" in result.stdout
    statuses = {line["status"] for line in served.logged() if line["logger"] == "windsock.access"}
    assert {200, 400, 404, 405} <= statuses
