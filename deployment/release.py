"""TEMPORARY: the branch `release` brings it."""

from typing import Any


class ReleaseWatch:
    """Nothing yet."""

    def __init__(self, *_: Any) -> None: ...

    def poll(self) -> None:
        """Nothing yet."""

    def reason(self) -> str | None:
        """Nothing yet."""
        return None
