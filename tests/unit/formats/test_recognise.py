"""What a file is, by its content."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.formats import FORMATS, ReadOptions, UnrecognisedFileError, format_named, recognise

PLAIN = ReadOptions()


def of(content: bytes, name: str = "file.txt", options: ReadOptions = PLAIN) -> str:
    return recognise(content, name, options).name


def test_the_real_files(weather_data: Callable[[str], Path]) -> None:
    for folder, ending, name in (
        ("wx_data", "*.txt", "station-file"),
        ("defects", "*.txt", "station-file"),
        ("ghcn_daily", "*.dly", "ghcn-dly"),
        ("ghcn_daily", "1800.csv", "ghcn-csv"),
    ):
        for path in weather_data(folder).glob(ending):
            assert of(path.read_bytes()[: 1 << 16], path.name) == name
    summaries = (weather_data("ghcn_daily") / "ncei_daily_summaries_sitka_2018.csv").read_bytes()
    assert of(summaries, options=ReadOptions("metric")) == "daily-summaries"
    with pytest.raises(UnrecognisedFileError, match=r"does not say whether .* WINDSOCK_DAILY_SUMMARIES_UNITS"):
        of(summaries)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"1985010134\t1\t2\t3\n\r\n19850102\t1\t2\t3\r\n", "station-file"),
        (b"junk\n" * 50 + b"19850102\t1\t2\t3\n", "station-file"),
        (b"ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME\n", "ghcn-csv"),
        (b'"ITE00100554","18000101","TMAX","-75","","","E",""\n', "ghcn-csv"),
        (b"ACW00011604  17.1167  -61.7833   10.1    ST JOHNS COOLIDGE FLD\n", "ghcn-stations"),
    ],
)
def test_small_files(content: bytes, name: str) -> None:
    assert of(content) == name


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("USC00110072.txt", "19850102\t1\t2\t3\n")
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (b" \n\r\n\t\n", "it holds nothing but blank lines"),
        (
            b"<!DOCTYPE html>\n<html><body>404</body></html>\n",
            "it is an HTML page, perhaps the error page of a download",
        ),
        (b"\xef\xbb\xbf\n <HTML>\n", "it is an HTML page"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "it is XML, perhaps the error message"),
        (b'{"message": "not found"}', "it is JSON"),
        (_zip(), "it is a ZIP archive: unpack it first"),
        (b"PAR1" + bytes(100), "it is a Parquet file: use the CSV edition"),
        (b"%PDF-1.7\n", "it is a PDF document"),
        (gzip.compress(b"19850102\t1\t2\t3\n", mtime=0), "it is gzip data inside gzip data"),
        ("19850102\t1\t2\t3\n".encode("utf-16"), "it is text in UTF-16: save it as UTF-8"),
        (bytes(range(256)) * 10, "it is binary data"),
        (b"\x00\x01\x02 text", "it is binary data"),
        (b"date;tmax;tmin\n", "no line is of a known format; the first is 'date;tmax;tmin'"),
    ],
)
def test_what_is_no_weather_file_is_named(content: bytes, what: str) -> None:
    with pytest.raises(UnrecognisedFileError) as raised:
        of(content)
    assert str(raised.value).startswith(what)
    if content.strip():
        assert "Accepted are station files" in str(raised.value)


def test_a_name_that_is_no_stations_is_said() -> None:
    with pytest.raises(UnrecognisedFileError, match="its name is no code of a station"):
        of(b"19850102\t1\t2\t3\n", ".txt")


def test_formats_by_name() -> None:
    assert all(format_named(one.name) is one for one in FORMATS)
    assert format_named("papyrus") is None
    assert format_named(None) is None


@given(st.binary(max_size=300))
def test_any_bytes_are_recognised_or_refused(content: bytes) -> None:
    try:
        said = of(content)
    except UnrecognisedFileError as error:
        said = str(error)
    assert said


LINES = b"".join(b"198501%02d\t%d\t2\t3\n" % (day, day) for day in range(1, 29))


def _stored_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("USC00110072.txt", LINES)
        archive.writestr("USC00110073.txt", LINES)
    return made.getvalue()


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("USC00110072.txt")
        member.size = len(LINES)
        archive.addfile(member, io.BytesIO(LINES))
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (_stored_zip(), "it is a ZIP archive: unpack it first"),
        (_tar(), "it is a tar archive: unpack it first"),
        (b"7z\xbc\xaf\x27\x1c" + LINES, "it is a 7-Zip archive: unpack it first"),
    ],
)
def test_an_archive_of_several_stations_is_not_taken_for_one(content: bytes, what: str) -> None:
    with pytest.raises(UnrecognisedFileError) as raised:
        of(content, "wx_data")
    assert str(raised.value).startswith(f"{what}. Accepted are station files")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xef\xbb\xbf", "it is empty"),
        (b"\xef\xbb\xbf\r\n", "it holds nothing but blank lines"),
        (b"<html>", "it is an HTML page"),
        (b"<head><title>503</title>", "it is an HTML page"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "it is XML, perhaps the error message of a download"),
        (b'\n [{"date": "2000-01-01"}]', "it is JSON"),
        (bz2.compress(LINES), "it is bzip2 data: decompress it first"),
        (lzma.compress(LINES), "it is xz data: decompress it first"),
        ("19850102\t1\t2\t3\n".encode("utf-16-be"), "it is binary data"),
        (codecs.BOM_UTF16_BE + "19850102\t1\n".encode("utf-16-be"), "it is text in UTF-16: save it as UTF-8"),
        (b"SQLite format 3\x00", "it is an SQLite database"),
        (b"a\x01\x02\x03\x04 text", "it is binary data"),
        ("Jänner\n".encode(), "no line is of a known format; the first is 'Jänner'. Accepted"),
        (b"\n" * 200 + b"later\n", "no line is of a known format; the first is 'later'. Accepted"),
        (b"x" * 500, f"no line is of a known format; the first is '{'x' * 80}'. Accepted"),
    ],
)
def test_what_else_is_no_weather_file_is_named(content: bytes, what: str) -> None:
    with pytest.raises(UnrecognisedFileError) as raised:
        of(content)
    assert str(raised.value).startswith(what)


DLY = b"USC00110072200002TMAX" + b"    7   " * 29 + b"-9999   " * 2
STATION = b"ACW00011604  17.1167  -61.7833   10.1    ST JOHNS COOLIDGE FLD"
OF_EACH = [
    (b"19850101\t  -22\t -128\t   94", "station-file"),
    (DLY, "ghcn-dly"),
    (DLY.rstrip(), "ghcn-dly"),
    (DLY[:150], "ghcn-dly"),
    (b"USC00110072,20000101,TMAX,-22,,,7,0700", "ghcn-csv"),
    (b"DATE,STATION,ELEMENT,Q_FLAG,DATA_VALUE", "ghcn-csv"),
    (STATION, "ghcn-stations"),
    (b'"STATION","NAME","DATE","TMAX"', "daily-summaries"),
]


@pytest.mark.parametrize(("line", "name"), OF_EACH)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n \r\n", b"\r\n" * 150])
@pytest.mark.parametrize("after", [b"", b"\n", b"\r\n", b"\nsomething else\n"])
def test_each_format_with_harmless_differences(before: bytes, line: bytes, after: bytes, name: str) -> None:
    assert of(before + line + after, options=ReadOptions("metric")) == name


@pytest.mark.parametrize(("line", "name"), [one for one in OF_EACH if one[1] != "daily-summaries"])
def test_damaged_lines_at_the_head_hide_nothing(line: bytes, name: str) -> None:
    assert of(b"damaged\n" * 99 + line) == name
    with pytest.raises(UnrecognisedFileError, match="the first is 'damaged'"):
        of(b"damaged\n" * 100 + line)
