"""NOAA's list of stations, `ghcnd-stations.txt`: fixed columns, section IV of GHCN-Daily's readme.txt."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from worker.formats.batch import RejectedLine
from worker.formats.format import Format
from worker.formats.rejects import Rejects
from worker.formats.values import BOM, is_formula

_LINE = re.compile(rb"[A-Z]{2}[A-Z0-9_-]{9} +-?\d{1,2}\.\d+ +-?\d{1,3}\.\d+ +-?\d{1,4}\.\d .*")
_NO_ELEVATION = -999.9


@dataclasses.dataclass(frozen=True)
class StationDescription:
    """A station's place and names; latitude in degrees north, longitude in degrees east, elevation in metres."""

    code: str
    name: str | None
    latitude: float
    longitude: float
    elevation_m: float | None
    state: str | None
    wmo_id: str | None


@dataclasses.dataclass(frozen=True)
class StationBatch:
    """The stations in a piece of the list, and the lines that could not be read: see `Batch`."""

    stations: list[StationDescription]
    lines_read: int
    rejected: list[RejectedLine]
    rejected_count: int


def read(piece: bytes, first_line: int) -> StationBatch:
    """The descriptions in `piece`, whole lines of which the first has this number in the file."""
    described: list[StationDescription] = []
    rejects = Rejects()
    for number, line in enumerate(piece.split(b"\n"), first_line):
        if not line.strip():
            continue
        text = line.removeprefix(BOM) if number == 1 else line
        try:
            described.append(_parse(text.decode("utf-8").rstrip("\r")))
        except UnicodeDecodeError:
            rejects.add(number, line, "it is no UTF-8")
        except ValueError as error:
            rejects.add(number, line, str(error))
    return StationBatch(described, len(described) + rejects.count, rejects.lines, rejects.count)


def _parse(line: str) -> StationDescription:
    code = line[:11]
    if not re.fullmatch(r"[A-Z]{2}[A-Z0-9_-]{9}", code):
        raise ValueError(f"'{code}' in columns 1 to 11 is no station of GHCN-Daily")
    if not line.isprintable():
        raise ValueError("it has characters that cannot be printed; its columns are parted by blanks")
    name, state, wmo_id = (line[first:last].strip() for first, last in ((41, 71), (38, 40), (80, 85)))
    for text in (name, state, wmo_id):
        if is_formula(text):
            raise ValueError(f"'{text}' begins as a formula of a spreadsheet does")
    elevation = _number(line, 32, 37, "elevation", 10_000)
    return StationDescription(
        code=code,
        name=name or None,
        latitude=_number(line, 13, 20, "latitude", 90),
        longitude=_number(line, 22, 30, "longitude", 180),
        elevation_m=None if elevation == _NO_ELEVATION else elevation,
        state=state or None,
        wmo_id=wmo_id or None,
    )


def _number(line: str, first: int, last: int, name: str, limit: float) -> float:
    text = line[first - 1 : last].strip()
    if not re.fullmatch(r"-?[0-9]{1,5}(\.[0-9]{1,6})?", text) or abs(float(text)) > limit:
        raise ValueError(f"the {name} '{text}' in columns {first} to {last} is no number from -{limit} to {limit}")
    return float(text)


def _matches(lines: Sequence[bytes]) -> bool:
    return any(_LINE.fullmatch(line.rstrip(b"\r\n")) for line in lines)


FORMAT = Format(
    name="ghcn-stations",
    title="GHCN-Daily list of stations",
    matches=_matches,
    open_reader=None,
    kind="stations",
)
