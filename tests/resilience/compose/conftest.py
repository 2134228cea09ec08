"""The stacks of the acceptance tests, for trials."""

from __future__ import annotations

from tests.acceptance.compose.conftest import docker, images, new_stack, wx_data

__all__ = ["docker", "images", "new_stack", "wx_data"]
