"""The list of stations, `ghcnd-stations.txt`."""

from __future__ import annotations

import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.formats import ghcn_stations
from worker.formats.ghcn_stations import StationDescription
from worker.formats.pieces import pieces

LINE = f"USC00110072  41.1947  -90.7442  224.6 IL {'ALEDO':<30}     HCN 72528"


def test_a_station() -> None:
    batch = ghcn_stations.read(f"{LINE}\n\n{LINE[:31]}-999.9\r\n".encode(), 1)
    assert batch.stations == [
        StationDescription("USC00110072", "ALEDO", 41.1947, -90.7442, 224.6, "IL", "72528"),
        StationDescription("USC00110072", None, 41.1947, -90.7442, None, None, None),
    ]
    assert (batch.lines_read, batch.rejected) == (2, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"ALEDO", "'ALEDO' in columns 1 to 11 is no station of GHCN-Daily"),
        (
            LINE.replace("41.1947", "91.1947").encode(),
            "the latitude '91.1947' in columns 13 to 20 is no number from -90 to 90",
        ),
        (
            LINE.replace("-90.7442", "        ").encode(),
            "the longitude '' in columns 22 to 30 is no number from -180 to 180",
        ),
        (LINE.encode() + b"\xff", "it is no UTF-8"),
    ],
)
def test_the_reason_why_a_station_cannot_be_read(line: bytes, reason: str) -> None:
    batch = ghcn_stations.read(line, 3)
    assert [(one.line, one.reason) for one in batch.rejected] == [(3, reason)]
    assert batch.stations == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            LINE.replace(" 224.6", "abcdef").encode(),
            "the elevation 'abcdef' in columns 32 to 37 is no number from -10000 to 10000",
        ),
        (
            LINE.replace("41.1947", "4１.1947").encode(),  # noqa: RUF001 (a digit, but no ASCII)
            "the latitude '4１.1947' in columns 13 to 20 is no number from -90 to 90",  # noqa: RUF001 (as above)
        ),
        (
            LINE.replace("-90.7442", "-190.744").encode(),
            "the longitude '-190.744' in columns 22 to 30 is no number from -180 to 180",
        ),
        # PostgreSQL stores no NUL.
        (
            LINE.replace("ALEDO", "AL\0DO").encode(),
            "it has characters that cannot be printed; its columns are parted by blanks",
        ),
        (LINE[:20].encode(), "the elevation '' in columns 32 to 37 is no number from -10000 to 10000"),
    ],
)
def test_the_other_lines_are_read(line: bytes, reason: str) -> None:
    batch = ghcn_stations.read(LINE.encode() + b"\n" + line + b"\n" + LINE.encode(), 1)
    assert [(one.line, one.reason) for one in batch.rejected] == [(2, reason)]
    assert (len(batch.stations), batch.lines_read) == (2, 3)


@pytest.mark.parametrize("name", ["ÅRHUS SYD", "SÃO PAULO - MIR. DE SANTANA", "ALEDO  3 N", "札幌"])
def test_names_with_blanks_and_of_all_languages(name: str) -> None:
    [station] = ghcn_stations.read(LINE.replace(f"{'ALEDO':<30}", f"{name:<30}").encode(), 1).stations
    assert (station.name, station.state, station.wmo_id) == (name, "IL", "72528")


def test_a_byte_order_mark_is_harmless() -> None:
    mark = b"\xef\xbb\xbf"
    assert len(ghcn_stations.read(mark + LINE.encode(), 1).stations) == 1
    assert [one.line for one in ghcn_stations.read(mark + LINE.encode(), 2).rejected] == [2]


@given(
    st.lists(st.sampled_from([LINE, LINE + "\r", "", "ALEDO", LINE.replace("41.", "99.")]), max_size=8),
    st.integers(1, 300),
)
def test_however_it_is_cut(lines: list[str], size: int) -> None:
    content = "\n".join(lines).encode()
    whole = ghcn_stations.read(content, 1)
    parts = [ghcn_stations.read(piece, line) for piece, line in pieces(io.BytesIO(content), size)]
    assert whole.stations == [one for part in parts for one in part.stations]
    assert whole.rejected == [one for part in parts for one in part.rejected]
    assert whole.lines_read == sum(part.lines_read for part in parts) == sum(bool(line.strip()) for line in lines)


coordinate = st.integers(-90_0000, 90_0000).map(lambda number: number / 10_000)


@given(coordinate, coordinate, st.integers(-4000, 88_000).map(lambda number: number / 10))
def test_places_are_what_the_line_says(latitude: float, longitude: float, elevation: float) -> None:
    line = f"USC00110072 {latitude:8.4f} {longitude:9.4f} {elevation:6.1f} IL {'ALEDO':<30}     HCN 72528"
    [station] = ghcn_stations.read(line.encode(), 1).stations
    expected = StationDescription("USC00110072", "ALEDO", latitude, longitude, elevation, "IL", "72528")
    assert dataclasses.astuple(station) == dataclasses.astuple(expected)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_an_error(content: bytes) -> None:
    batch = ghcn_stations.read(content, 1)
    assert batch.lines_read == len(batch.stations) + len(batch.rejected)
