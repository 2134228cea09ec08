"""The stacks of tests/acceptance/compose."""

from tests.acceptance.compose.conftest import docker, images, loaded, new_stack, stack, wx_data

__all__ = ["docker", "images", "loaded", "new_stack", "stack", "wx_data"]
