"""Where weather files come from: a folder, or a bucket in S3. Both list what they hold and open it as a byte stream."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

OWN_FOLDER = "_windsock"
"""What Windsock itself writes beside the files (the manifest, a generated sample's mark): never read as weather."""

SAMPLE_MARK = "sample.json"
"""The file in there that says that the weather is generated."""

PAGE_SIZE = 1000
"""Files in a page of a listing: what S3 gives in one answer."""


class SourceError(Exception):
    """The source as a whole cannot be used: it is not there, not readable, or empty of files."""


class FileUnavailableError(Exception):
    """One file cannot be read now, or has changed since it was listed: the next pass may read it."""


@dataclasses.dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as the listing shows it.

    `uri` is the whole address and `name` the last part of it, both fit to be shown and stored; `location` is what the
    source itself opens, a path or a key. `version` is the ETag in S3; a file in a folder has none
    that is known without reading it. `size` is in bytes.
    """

    uri: str
    name: str
    location: str
    size: int
    modified_at: datetime.datetime
    version: str | None


class ByteStream(Protocol):
    """What is read from: at most `size` bytes at a time, none at the end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes.

        Raises:
            FileUnavailableError: the file cannot be read any further, or has changed since it was listed.
        """
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Source(Protocol):
    """A place that holds weather files."""

    address: str

    def pages(self) -> Iterator[list[ListedFile]]:
        """All files below the address, in the order of their names, some at a time.

        Raises:
            SourceError: the place cannot be listed.
        """
        ...

    def open(self, file: ListedFile) -> ByteStream:
        """The bytes of a file from its beginning.

        Raises:
            FileUnavailableError: the file is gone, has changed since it was listed, or may not be read.
        """
        ...

    def is_generated(self) -> bool:
        """Whether the files are those that `worker sample` makes: no real weather."""
        ...


def parse_address(text: str) -> str:
    """A source's address in one form: an absolute path, or s3://bucket/prefix without a slash at its end.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    if not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", text):
        try:
            return str(Path(text).expanduser().absolute())
        except RuntimeError:
            raise ValueError("nobody has the home folder that it begins with") from None
    if not text.startswith("s3://"):
        raise ValueError(f"{text.split('://', maxsplit=1)[0]}:// is neither a folder nor s3://")
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket):
        raise ValueError(f"'{bucket}' is not the name of a bucket")
    return f"s3://{bucket}/{prefix.strip('/')}".rstrip("/")


def open_source(address: str, *, anonymous: bool) -> Source:
    """The source at an address that `parse_address` gave; `anonymous` reads a public bucket without credentials."""
    if address.startswith("s3://"):
        from worker.sources.s3 import Bucket  # noqa: PLC0415  # boto3 takes a third of a second, and a folder needs none

        return Bucket(address, anonymous=anonymous)
    from worker.sources.folder import Folder  # noqa: PLC0415  # as its neighbour above

    return Folder(address)
