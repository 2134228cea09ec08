"""The formats of weather files, recognised by their content, never by a closed list of names."""

from __future__ import annotations

import itertools
import re

from worker.formats import daily_summaries, ghcn_csv, ghcn_dly, ghcn_stations, station_file
from worker.formats.format import Format, ReadOptions, UnrecognisedFileError
from worker.formats.values import BOM, shown

__all__ = ["FORMATS", "Format", "ReadOptions", "UnrecognisedFileError", "format_named", "recognise"]

FORMATS: tuple[Format, ...] = (
    station_file.FORMAT,
    ghcn_csv.FORMAT,
    ghcn_dly.FORMAT,
    ghcn_stations.FORMAT,
    daily_summaries.FORMAT,
)

# A damaged line at the head of a file must not hide what the others are.
_LINES_LOOKED_AT = 100

_ACCEPTED = (
    "Accepted are station files (date, maximum, minimum, precipitation, with tabulators between), "
    "GHCN-Daily .dly and CSV files, plain or gzip, and ghcnd-stations.txt"
)

# Archives may hold files as they are: their lines would look like those of one station.
_ARCHIVES = (
    (0, b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (257, b"ustar", "a tar archive: unpack it first"),
)

# What files are that are taken for weather data, by their first bytes.
_OTHERS = (
    (b"PAR1", "a Parquet file: use the CSV edition"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "gzip data inside gzip data: decompress it once"),
    (b"BZh", "bzip2 data: decompress it first"),
    (b"\xfd7zXZ", "xz data: decompress it first"),
    (b"\xff\xfe", "text in UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16: save it as UTF-8"),
    (b"SQLite format 3", "an SQLite database"),
)


def format_named(name: str | None) -> Format | None:
    """The format of this name in the ledger; None where there is none."""
    return next((one for one in FORMATS if one.name == name), None)


def recognise(head: bytes, file_name: str, options: ReadOptions) -> Format:
    """The format of a file whose (decompressed) content begins with `head`.

    Raises:
        UnrecognisedFileError: it is not weather data, or something is missing that is needed to read it.
    """
    text = head.removeprefix(BOM)
    if not text.strip():
        raise UnrecognisedFileError("it is empty" if not text else "it holds nothing but blank lines")
    for offset, magic, what in _ARCHIVES:
        if head.startswith(magic, offset):
            raise UnrecognisedFileError(f"it is {what}. {_ACCEPTED}")
    found = (match[0] for match in re.finditer(rb"[^\r\n]+", text))
    lines = list(itertools.islice((line for line in found if line.strip()), _LINES_LOOKED_AT))
    for one in FORMATS:
        if one.matches(lines):
            if one.open_reader is not None:
                one.open_reader(file_name, options)  # it refuses what it cannot read: a name, or a unit not given
            return one
    raise UnrecognisedFileError(_what_it_is(head, lines))


def _what_it_is(head: bytes, lines: list[bytes]) -> str:
    for magic, what in _OTHERS:
        if head.startswith(magic):
            return f"it is {what}. {_ACCEPTED}"
    start = head[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if re.match(rb"<!doctype html|<html|<head|<body", start):
        return f"it is an HTML page, perhaps the error page of a download. {_ACCEPTED}"
    if start.startswith((b"<?xml", b"<")):
        return f"it is XML, perhaps the error message of a download. {_ACCEPTED}"
    if start[:1] in {b"{", b"["}:
        return f"it is JSON. {_ACCEPTED}"
    if b"\0" in head or sum(byte < 9 or 13 < byte < 32 for byte in head[:4096]) > len(head[:4096]) / 50:
        return f"it is binary data. {_ACCEPTED}"
    return f"no line is of a known format; the first is '{shown(lines[0])[:80]}'. {_ACCEPTED}"
