"""What a file is, by its first bytes and its name."""

from __future__ import annotations

from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from tests.resilience.fuzzing.targets import daily_summaries, ghcn_csv, ghcn_dly, ghcn_stations, station_file
from worker.formats import FORMATS, ReadOptions, UnrecognisedFileError, format_named, recognise

NAME = b"USC00110072.txt\0"


def seeds() -> Iterator[bytes]:
    """The seeds of every format, behind a name; and what is taken for weather."""
    for one in (station_file, ghcn_csv, ghcn_dly, daily_summaries, ghcn_stations):
        yield NAME + next(iter(one.seeds())).lstrip(b"?\x7f")[:2000]
    for other in (
        b"<html>",
        b"<?xml",
        b"{}",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"%PDF",
        b"\xff\xfea\0",
        b"\0" * 300 + b"ustar",
    ):
        yield b"=cmd \x1b[31m.txt.gz\0" + other


def check(data: bytes) -> None:
    """It is of a format whose reader then reads it, or it is refused with words."""
    name, _, head = data.partition(b"\0")
    file_name = name.decode("utf-8", "backslashreplace")
    for options in (ReadOptions(), ReadOptions("metric")):
        try:
            found = recognise(head, file_name, options)
        except UnrecognisedFileError as error:
            checks.words(str(error))
            continue
        assert found in FORMATS
        assert format_named(found.name) is found
        if found.open_reader is not None:
            batch = found.open_reader(file_name, options).read(head, 1)
            assert not any(code[0] in "=+-@" for code in batch.stations), batch.stations
