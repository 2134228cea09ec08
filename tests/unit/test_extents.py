"""Extents: which stations a page is of, whatever their sizes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.extents import Extent, ExtentCache

sizes = st.lists(st.integers(1, 9), max_size=12)


def extent_of(counts: list[int]) -> Extent:
    return Extent([(100 + n, f"station {n:02}", count) for n, count in enumerate(counts)])


def rows_of(counts: list[int]) -> list[tuple[str, int]]:
    return [(f"station {n:02}", row) for n, count in enumerate(counts) for row in range(count)]


def read(counts: list[int], codes: list[str], skip: int, limit: int) -> list[tuple[str, int]]:
    rows = [row for row in rows_of(counts) if row[0] in codes]
    return rows[skip:][:limit]


@given(sizes, st.integers(0, 120), st.integers(1, 20))
def test_a_page_by_offset(counts: list[int], offset: int, limit: int) -> None:
    extent = extent_of(counts)
    stretch = extent.at(offset, limit)
    assert extent.total == sum(counts)
    assert read(counts, list(stretch.codes), stretch.skip, limit) == rows_of(counts)[offset : offset + limit]
    assert len(stretch.codes) <= limit  # no station is asked that has nothing on the page
    assert [id_ - 100 for id_ in stretch.ids] == [int(code[-2:]) for code in stretch.codes]


@given(sizes, st.integers(0, 120), st.integers(1, 20))
def test_a_page_after_a_row(counts: list[int], index: int, limit: int) -> None:
    rows = rows_of(counts)
    if index >= len(rows):
        return
    code, number = rows[index]
    stretch = extent_of(counts).after(code, limit)
    assert stretch.resumes
    asked = [row for row in rows if row[0] in stretch.codes and (row[0] != code or row[1] > number)]
    assert asked[:limit] == rows[index + 1 : index + 1 + limit]


@given(sizes, st.integers(1, 20))
def test_a_page_after_a_station_that_is_not_there(counts: list[int], limit: int) -> None:
    extent = extent_of(counts)
    for n in range(len(counts)):
        stretch = extent.after(f"station {n:02}~", limit)
        assert not stretch.resumes
        following = [row for row in rows_of(counts) if row[0] > f"station {n:02}~"]
        assert read(counts, list(stretch.codes), 0, limit) == following[:limit]


@given(sizes, st.integers(1, 20))
def test_portions_are_the_whole(counts: list[int], rows: int) -> None:
    portions = list(extent_of(counts).portions(rows))
    assert [code for portion in portions for code in portion.codes] == [f"station {n:02}" for n in range(len(counts))]
    for portion in portions:
        assert sum(counts[id_ - 100] for id_ in portion.ids[:-1]) < rows


def test_the_cache_keeps_what_is_of_one_version() -> None:
    cache, made = ExtentCache(), []

    def make() -> Extent:
        made.append(1)
        return extent_of([1, 2])

    for version in ("one", "one", "two", "two"):
        cache.get(version, "key", make)
    cache.get("two", "another key", make)
    assert len(made) == 3


def test_the_cache_is_bounded() -> None:
    cache = ExtentCache()
    stations = [(n, str(n), 1) for n in range(ExtentCache.MOST_WEIGHT // 4)]
    for key in range(20):
        cache.get("one", key, lambda: Extent(stations))
        assert cache._weight <= ExtentCache.MOST_WEIGHT
        assert cache._weight == sum(len(each) + ExtentCache.ENTRY_WEIGHT for each in cache._extents.values())
    assert list(cache._extents) == [17, 18, 19]


def test_an_extent_that_is_larger_than_the_cache_is_still_kept() -> None:
    cache = ExtentCache()
    large = Extent([(n, str(n), 1) for n in range(ExtentCache.MOST_WEIGHT)])
    assert cache.get("one", "key", lambda: large) is large
    assert list(cache._extents) == ["key"]
