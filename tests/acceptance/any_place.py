"""The figures of any running place, by its address; not collected unless it is named: `make test` has its own places."""

from __future__ import annotations

import os

import pytest

from tests.acceptance.figures import Figures


@pytest.fixture
def base_url() -> str:
    url = os.environ.get("WINDSOCK_BASE_URL")
    if not url:
        pytest.skip("WINDSOCK_BASE_URL names no running place")
    return url.rstrip("/")


class TestFigures(Figures):
    pass
