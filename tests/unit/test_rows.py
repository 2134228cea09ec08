"""The rows of a file put together, against a plain dictionary."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worker.formats.batch import ABSENT, COLUMNS, MISSING, Batch
from worker.rows import Collector, Rows, superseded_line

values = st.sampled_from([int(ABSENT), int(ABSENT), int(MISSING), 1, 2])
lines = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 3),
        st.tuples(values, values, values, values, values).filter(lambda given: set(given) != {int(ABSENT)}),
    ),
    max_size=12,
)


def batch_of(found: list[tuple[int, int, tuple[int, ...]]], first_line: int = 1) -> Batch:
    return Batch(
        station=np.array([one[0] for one in found], np.int32),
        day=np.array([one[1] for one in found], np.int32),
        values=np.array([one[2] for one in found], np.int16).reshape(-1, len(COLUMNS)),
        line=np.arange(first_line, first_line + len(found), dtype=np.int64),
        stations=["A", "B", "C"],
        lines_read=len(found),
        rejected=[],
    )


def collected(batches: list[Batch]) -> Rows:
    collector = Collector()
    for batch in batches:
        collector.add(batch, 1_000)
    return collector.rows()


@given(lines, st.integers(0, 12))
def test_the_later_value_counts(found: list[tuple[int, int, tuple[int, ...]]], cut: int) -> None:
    rows = collected([batch_of(found[:cut]), batch_of(found[cut:], cut + 1)])
    expected: dict[tuple[str, int], list[int]] = {}
    for station, day, given_values in found:
        row = expected.setdefault(("ABC"[station], day), [int(MISSING)] * len(COLUMNS))
        for number, value in enumerate(given_values):
            if value != ABSENT:
                row[number] = value
    made = {
        (rows.stations[station], int(day)): [int(value) for value in row]
        for station, day, row in zip(rows.station, rows.day, rows.values, strict=True)
    }
    assert made == expected
    keys = list(zip(rows.station.tolist(), rows.day.tolist(), strict=True))
    assert keys == sorted(keys)
    assert set(rows.columns) == {
        column for number, column in enumerate(COLUMNS) if any(one[2][number] != ABSENT for one in found)
    }


@given(lines)
def test_repeated_and_contradicted_lines_are_told_apart(found: list[tuple[int, int, tuple[int, ...]]]) -> None:
    rows = collected([batch_of(found)])
    repeated, contradicted = 0, set()
    for number, (station, day, given_values) in enumerate(found):
        later = [one[2] for one in found[number + 1 :] if one[:2] == (station, day)]
        overridden = differs = False
        for column, value in enumerate(given_values):
            again = [one[column] for one in later if one[column] != ABSENT]
            if value != ABSENT and again:
                overridden = True
                differs |= again[-1] != value
        repeated += overridden and not differs
        if differs:
            contradicted.add(number + 1)
    assert rows.duplicates == repeated
    assert {one.line for one in rows.superseded} == contradicted


def test_a_contradicted_line_is_told_in_words() -> None:
    [line] = collected([batch_of([(0, 0, (1, int(MISSING), int(ABSENT), 2, 2)), (0, 0, (2, 2, 2, 2, 2))])]).superseded
    assert line.text == "A 1970-01-01: tmax 1 tenths of a degree C, tmin missing, snow 2 mm, snwd 2 mm"
    assert line.reason == "line 2 gives other values for the same day; the later line was kept"


def test_days_whose_maximum_is_below_their_minimum_are_counted() -> None:
    rows = collected([batch_of([(0, 0, (1, 2, 0, 0, 0)), (0, 1, (int(MISSING), 2, 0, 0, 0)), (0, 2, (2, 2, 0, 0, 0))])])
    assert rows.warnings == 1


def test_nothing() -> None:
    rows = collected([])
    assert (len(rows.day), rows.stations, rows.columns, rows.warnings) == (0, [], (), 0)


def test_what_is_handed_over_is_not_kept() -> None:
    collector, taken = Collector(), []
    first, second = batch_of([(0, 0, (1, 1, 1, 1, 1))]), batch_of([(2, 0, (2, 2, 2, 2, 2))] * 2, 2)
    for batch in (first, batch_of([]), second):
        collector.add(batch, 1_000)
    assert collector.size == 3
    collector.drain(taken.append)
    assert taken == [first, second]
    assert len(collector.rows().day) == 0
    assert collector.stations == {}


def test_stations_are_one_over_all_batches() -> None:
    first = batch_of([(0, 5, (1, 1, 1, 1, 1)), (1, 5, (1, 1, 1, 1, 1))])
    second = dataclasses.replace(batch_of([(0, 4, (2, 2, 2, 2, 2)), (1, 5, (1, 1, 1, 1, 1))], 3), stations=["D", "B"])
    rows = collected([first, second])
    found = [(rows.stations[number], int(day)) for number, day in zip(rows.station, rows.day, strict=True)]
    assert found == [("A", 5), ("B", 5), ("D", 4)]
    assert (rows.duplicates, rows.superseded) == (1, [])


def test_days_before_1970_are_before_those_after() -> None:
    ones = (1, 1, 1, 1, 1)
    rows = collected([batch_of([(1, -1, ones), (0, 1, ones), (0, -98_615, ones), (1, -1, ones)])])
    assert list(zip(rows.station.tolist(), rows.day.tolist(), strict=True)) == [(0, -98_615), (0, 1), (1, -1)]
    assert rows.duplicates == 1


def test_an_absent_value_contradicts_nothing_and_a_missing_one_does() -> None:
    a, m = int(ABSENT), int(MISSING)
    rows = collected([batch_of([(0, 0, (1, 2, a, a, a)), (0, 0, (a, m, 3, a, a)), (0, 0, (1, a, a, a, a))])])
    assert rows.values.tolist() == [[1, m, 3, m, m]]
    assert rows.columns == ("tmax", "tmin", "prcp")
    assert [(one.line, one.reason) for one in rows.superseded] == [
        (1, "line 2 gives other values for the same day; the later line was kept")
    ]
    assert rows.duplicates == 0


def test_values_from_a_database_are_told_in_words() -> None:
    line = superseded_line("A", -1, [None, 5, int(MISSING), int(ABSENT), None], 3, 9)
    assert line.text == "A 1969-12-31: tmin 5 tenths of a degree C, prcp missing"
