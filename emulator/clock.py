"""Time as templates count it: one of a rehearsal may be shorter, and nobody waits five for a release to settle."""

from __future__ import annotations

from emulator.settings import minute_s


def scaled(seconds: float) -> float:
    """So many seconds of a template in seconds of this machine."""
    return seconds * minute_s() / 60
