"""The manifest: what the last pass has recorded of each file, written beside the data.

The checker Lambda compares it with a listing to see whether there is anything new, without a way to the database. It
imports this module, which therefore uses nothing but the standard library.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping

NAME = "_windsock/manifest.json"
FORMAT = 1


class ManifestError(ValueError):
    """The text is not a manifest that this release can read."""


def dump(source: str, versions: Iterable[tuple[str, str]], written_at: str) -> str:
    """The text of a manifest.

    `versions` gives the whole address and the recorded version (the ETag in S3) of each file; `written_at` is a time in
    ISO 8601.
    """
    # File by file: there may be hundreds of thousands, which take ten times the room as Python's objects.
    text, prefix = io.StringIO(), f"{source}/"
    text.write(json.dumps({"format": FORMAT, "source": source, "written_at": written_at}).removesuffix("}"))
    text.write(', "files": {')
    for number, (uri, version) in enumerate(versions):
        text.write(f"{',' if number else ''}\n{json.dumps(uri.removeprefix(prefix))}: {json.dumps(version)}")
    text.write("\n}}\n")
    return text.getvalue()


def load(text: str) -> dict[str, str]:
    """The recorded version of each file, by its address relative to the source.

    Raises:
        ManifestError: the text is not a manifest, or one of a later format.
    """
    try:
        manifest = json.loads(text)
        files = manifest["files"]
        written_as = manifest["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManifestError("it is not a manifest of Windsock") from error
    if written_as != FORMAT:
        raise ManifestError(f"its format is {written_as!r}; this release reads {FORMAT}")
    if not isinstance(files, dict):
        raise ManifestError("its files are no names with versions")
    return {str(name): str(version) for name, version in files.items()}


def new_files(listed: Iterable[tuple[str, str]], recorded: Mapping[str, str]) -> list[str]:
    """Of the listed files, given as relative address and version, those that are not recorded in that version."""
    return [name for name, version in listed if recorded.get(name) != version]
