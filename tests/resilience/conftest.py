"""How long the trials are, and where they write down what they saw."""

from __future__ import annotations

import random

import pytest

from tests.conftest import Database
from tests.integration.api.conftest import fill
from tests.resilience.trials import PROPERTY, Trial

SEED = 20_261_129
"""Of every choice that a trial leaves to chance: a run can be repeated."""


@pytest.fixture
def trial(request: pytest.FixtureRequest) -> Trial:
    """The test's row of the table; what is in it when the test ends, however it ends, is shown."""
    row = Trial()
    # Not after the test: its report would have been made.
    request.node.user_properties.append((PROPERTY, vars(row)))
    return row


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the trials have their whole length (`make resilience`), or the short one of `make test`."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """A source of random numbers that gives the same ones in each run of the same test."""
    return random.Random(f"{SEED} {request.node.name}")  # noqa: S311 - repeatable, not secret


@pytest.fixture
def weather(database: Database) -> Database:
    """A database with the weather of tests/integration/api."""
    fill(database)
    return database
