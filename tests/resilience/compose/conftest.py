"""A stack for these trials, as tests/acceptance/compose has one."""

from tests.acceptance.compose.conftest import stack

__all__ = ["stack"]
