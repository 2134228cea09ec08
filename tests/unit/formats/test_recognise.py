"""What a file is, by its content."""

from __future__ import annotations

import gzip
import io
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
        (gzip.compress(b"19850102\t1\t2\t3\n"), "it is gzip data inside gzip data"),
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
