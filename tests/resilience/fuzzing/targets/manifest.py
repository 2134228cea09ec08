"""The manifest, which the checker reads from the bucket."""

from __future__ import annotations

from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from worker import manifest


def seeds() -> Iterator[bytes]:
    """Manifests, and JSON that is none."""
    versions = [("s3://weather/wx/USC00110072.txt", "9b2c"), ("s3://weather/wx/a\n\x1b[1m", "")]
    yield manifest.dump("s3://weather/wx", versions, "2025-01-01T06:00:03Z").encode()
    yield manifest.dump("s3://weather/wx", [], "2025-01-01T06:00:03Z").encode()
    yield b'{"format": 2, "files": {}}'
    yield b'{"format": 1, "files": [["a", NaN]]}'
    yield b"[" * 4000


def check(data: bytes) -> None:
    """It is a manifest, which written again says the same, or it is refused with words."""
    try:
        files = manifest.load(data.decode("utf-8", "surrogateescape"))
    except manifest.ManifestError as error:
        checks.words(str(error))
        return
    assert all(isinstance(text, str) for pair in files.items() for text in pair)
    again = manifest.dump("s3://b", [(f"s3://b/{name}", version) for name, version in files.items()], "")
    assert manifest.load(again) == files
    assert manifest.new_files(files.items(), files) == []
