"""The emulated AWS that these tests deploy to."""

from tests.integration.emulator.conftest import Emulator, docker, emulator

__all__ = ["Emulator", "docker", "emulator"]
