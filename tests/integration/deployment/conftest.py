"""The emulated AWS that these tests deploy to."""

from tests.integration.emulator.conftest import Emulator, emulator

__all__ = ["Emulator", "emulator"]
