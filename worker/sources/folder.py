"""Weather files in a folder and the folders below it."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path

from worker.sources import OWN_FOLDER, PAGE_SIZE, SAMPLE_MARK, ByteStream, FileUnavailableError, ListedFile, SourceError

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Folder:
    """A folder as a source. Left out: hidden files and folders, Windsock's own folder, and links to other folders."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._path = Path(address)

    def pages(self) -> Iterator[list[ListedFile]]:
        """All files below the folder, in the order of their paths."""
        if not self._path.is_dir():
            what = "is not a folder" if self._path.exists() else "does not exist"
            raise SourceError(
                f"the folder {self.address} {what}: WINDSOCK_SOURCE should name the folder with the files"
            )
        page: list[ListedFile] = []
        for path in self._files(self._path):
            page.append(_listed(path))
            if len(page) == PAGE_SIZE:
                yield page
                page = []
        yield page

    def _files(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise SourceError(f"the folder {folder} cannot be read: {error.strerror}") from error
        for entry in entries:
            if entry.name.startswith(".") or entry.name == OWN_FOLDER:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._files(Path(entry.path))
            elif entry.is_file():
                yield Path(entry.path)

    def open(self, file: ListedFile) -> ByteStream:
        """The bytes of a file."""
        try:
            return _OpenFile(Path(file.location))
        except OSError as error:
            raise FileUnavailableError(f"it cannot be opened: {error.strerror}") from error

    def is_generated(self) -> bool:
        """Whether the folder bears the mark of `worker sample`."""
        return (self._path / OWN_FOLDER / SAMPLE_MARK).is_file()


class _OpenFile:
    """An open file whose faults are the source's own."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)

    def read(self, size: int, /) -> bytes:
        try:
            return self._file.read(size) or b""
        except OSError as error:
            raise FileUnavailableError(f"it cannot be read: {error.strerror}") from error

    def close(self) -> None:
        self._file.close()


def _listed(path: Path) -> ListedFile:
    found = path.stat()
    return ListedFile(
        uri=_text(str(path)),
        name=_text(path.name),
        location=str(path),
        size=found.st_size,
        modified_at=EPOCH + datetime.timedelta(microseconds=found.st_mtime_ns // 1000),  # as fine as PostgreSQL's
        version=None,
    )


def _text(name: str) -> str:
    """The name as text that can be stored: bytes that are no UTF-8 are written as hexadecimal escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
