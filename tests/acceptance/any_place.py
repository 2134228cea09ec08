"""The figures of any running place, by its address. Collected only when it is named: see `figures.py`."""

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
