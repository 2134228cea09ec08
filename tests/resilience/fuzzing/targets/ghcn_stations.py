"""NOAA's list of stations."""

from __future__ import annotations

from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from worker.formats import ghcn_stations
from worker.sample import _station_line
from worker.weather_generator import Weather, sites


def seeds() -> Iterator[bytes]:
    """Generated stations, and lines with mistakes."""
    lines = [_station_line(site).encode() for site in sites(Weather(1, 2000, 2000), 3)]
    yield b"".join(line.rstrip(b"\n") + b"\n" for line in lines)
    yield b"\xef\xbb\xbf" + lines[0].rstrip() + b"\r\n\n" + lines[1][:40] + b"\n" + lines[2].lower()
    yield b"ACW00011604  17.1167  -61.7833 -999.9    Z\xc3\xbcRICH FLD                        GSN     78861\n"


def check(data: bytes) -> None:
    """Every line that is not blank is a station or rejected, and a station is where one can be."""
    whole = ghcn_stations.read(data, 1)
    numbered = list(enumerate(data.split(b"\n"), 1))
    single = [ghcn_stations.read(line, number) for number, line in numbered]
    assert whole.stations == [station for one in single for station in one.stations]
    assert whole.rejected == [line for one in single for line in one.rejected]
    assert whole.lines_read == sum(one.lines_read for one in single) == sum(bool(line.strip()) for _, line in numbered)
    assert len(whole.stations) + whole.rejected_count == whole.lines_read
    checks.rejected(whole.rejected, len(numbered))
    for station in whole.stations:
        assert abs(station.latitude) <= 90
        assert abs(station.longitude) <= 180
        assert len(station.code) == 11
        for text in (station.code, station.name, station.state, station.wmo_id):
            if text is not None:
                checks.words(text, 71)
                assert text[0] not in "=+-@", text
