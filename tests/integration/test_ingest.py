"""One pass after another over a folder, against a real PostgreSQL."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Database
from tests.integration.ingesting import (
    a_year,
    expected_statistics,
    ingest,
    ledger,
    observations,
    station_lines,
    statistics,
)
from worker import jobs, load, reading
from worker.sources import folder as folder_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of three stations."""
    made = tmp_path / "weather"
    made.mkdir()
    for number in (1, 2, 3):
        (made / f"USC0000000{number}.txt").write_text(station_lines(a_year(2000, number) + a_year(2001, number)))
    return made


def rewrite(path: Path, text: str) -> None:
    """Write a file and make sure that its time of change is another one."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))


def test_a_first_pass_loads_everything(database: Database, folder: Path) -> None:
    done = ingest(database, folder)
    assert (done.status, done.files_found, done.files_loaded, done.files_failed) == ("succeeded", 3, 3, 0)
    assert (done.rows_read, done.rows_inserted) == (3 * 2 * 336, 3 * 2 * 336)
    assert str(done.first_date) == "2000-01-01"
    assert str(done.last_date) == "2001-12-28"
    assert len(observations(database)) == 3 * 2 * 336
    assert len(statistics(database)) == 6
    assert statistics(database) == expected_statistics(database)


def test_a_second_pass_loads_nothing(database: Database, folder: Path) -> None:
    ingest(database, folder)
    before = ledger(database)
    done = ingest(database, folder)
    assert (done.files_loaded, done.files_unchanged, done.rows_read) == (0, 3, 0)
    assert ledger(database) == before


def test_a_file_that_was_only_touched_is_read_once_and_not_loaded(database: Database, folder: Path) -> None:
    ingest(database, folder)
    before = ledger(database)
    path = folder / "USC00000001.txt"
    rewrite(path, path.read_text())
    assert ingest(database, folder).files_unchanged == 3
    assert ledger(database) == before
    found = database.rows("SELECT modified_at FROM source_file WHERE uri LIKE %s", "%USC00000001.txt")
    assert found[0][0].timestamp() == pytest.approx(path.stat().st_mtime, rel=0, abs=1e-5)  # type: ignore[attr-defined]


def test_a_revised_file_changes_its_rows_and_only_those(database: Database, folder: Path) -> None:
    ingest(database, folder)
    days = a_year(2000, 1) + a_year(2001, 1)
    days[3] = (days[3][0], 333, days[3][2], days[3][3])
    days[5] = (days[5][0], -9999, -9999, -9999)
    rewrite(folder / "USC00000001.txt", station_lines(days))
    versions = (
        "SELECT yearly_statistics.xmin::text FROM yearly_statistics "
        "JOIN station ON station.id = station_id ORDER BY code, year"
    )
    before = database.rows(versions)
    done = ingest(database, folder)
    assert (done.rows_inserted, done.rows_updated, done.rows_unchanged) == (0, 2, 670)
    rows = {row[1]: row[2:5] for row in observations(database) if row[0] == "USC00000001"}
    assert rows["2000-01-04"][0] == 333
    assert rows["2000-01-06"] == (None, None, None)
    after = database.rows(versions)
    assert [old != new for old, new in zip(before, after, strict=True)] == [True, *[False] * 5]
    assert statistics(database) == expected_statistics(database)


def test_of_a_file_that_grew_only_the_new_lines_are_read(database: Database, folder: Path) -> None:
    ingest(database, folder)
    path = folder / "USC00000002.txt"
    rewrite(path, path.read_text() + "20020101\t    1\t    0\t    0\nnonsense\n")
    done = ingest(database, folder)
    assert (done.rows_read, done.rows_inserted, done.rows_rejected) == (2, 1, 1)
    assert database.rows("SELECT line, text FROM rejected_line") == [(2 * 336 + 2, "nonsense")]
    assert statistics(database) == expected_statistics(database)
    assert ingest(database, folder).files_unchanged == 3


def test_a_file_that_grew_and_was_changed_is_read_from_its_beginning(database: Database, folder: Path) -> None:
    ingest(database, folder)
    path = folder / "USC00000002.txt"
    days = a_year(2000, 2) + a_year(2001, 2)
    rewrite(path, station_lines([(days[0][0], 7, 6, 5), *days[1:], ("20020101", 1, 0, 0)]))
    done = ingest(database, folder)
    assert (done.rows_read, done.rows_inserted, done.rows_updated) == (673, 1, 1)


def test_rows_that_a_file_no_longer_has_are_kept(database: Database, folder: Path) -> None:
    ingest(database, folder)
    before = observations(database)
    rewrite(folder / "USC00000003.txt", station_lines(a_year(2000, 3)))
    done = ingest(database, folder)
    assert (done.rows_read, done.rows_unchanged) == (336, 336)
    assert observations(database) == before


def test_a_file_that_is_deleted_takes_nothing_with_it(database: Database, folder: Path) -> None:
    ingest(database, folder)
    before = observations(database)
    (folder / "USC00000003.txt").unlink()
    assert ingest(database, folder).status == "succeeded"
    assert observations(database) == before


def test_files_too_large_for_the_memory_give_the_same_rows(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "USC00000001.txt"
    text = path.read_text()
    first = text.splitlines(keepends=True)[0]
    # A line repeated, and one contradicted by a later one: the server settles them as the memory does.
    path.write_text(text + first + "20000102\t   77\t   66\t   55\n")
    monkeypatch.setattr(load, "ROWS_IN_MEMORY", 100)
    done = ingest(database, folder)
    assert (done.rows_read, done.rows_inserted) == (3 * 672 + 2, 3 * 672)
    assert (done.rows_duplicate, done.rows_rejected) == (1, 1)
    [(line, reason)] = database.rows("SELECT line, reason FROM rejected_line")
    assert line == 2
    assert reason == "line 674 gives other values for the same day; the later line was kept"
    rows = {row[1]: row[2:5] for row in observations(database) if row[0] == "USC00000001"}
    assert rows["2000-01-02"] == (77, 66, 55)
    assert statistics(database) == expected_statistics(database)


def test_lines_that_contradict_each_other_in_memory(database: Database, folder: Path) -> None:
    path = folder / "USC00000001.txt"
    first = path.read_text().splitlines(keepends=True)[0]
    path.write_text(path.read_text() + first + "20000102\t   77\t   66\t   55\n")
    done = ingest(database, folder)
    assert (done.rows_duplicate, done.rows_rejected) == (1, 1)
    [(line, text, reason)] = database.rows("SELECT line, text, reason FROM rejected_line")
    assert line == 2
    assert text.startswith("USC00000001 2000-01-02: tmax 13 tenths of a degree C")  # type: ignore[attr-defined]
    assert reason == "line 674 gives other values for the same day; the later line was kept"
    rows = {row[1]: row[2:5] for row in observations(database) if row[0] == "USC00000001"}
    assert rows["2000-01-02"] == (77, 66, 55)


def test_a_maximum_below_the_minimum_is_loaded_and_counted(database: Database, folder: Path) -> None:
    (folder / "USC00000009.txt").write_text("20000101\t  -50\t   50\t    0\n20000102\t-9999\t   50\t    0\n")
    done = ingest(database, folder)
    assert done.warnings == 1 + database.rows("SELECT count(*) FROM observation WHERE tmax < tmin")[0][0] - 1  # type: ignore[operator]
    assert ("USC00000009", "2000-01-01", -50, 50, 0, None, None) in observations(database)


def test_what_a_file_says_nothing_about_is_left_alone(database: Database, folder: Path) -> None:
    (folder / "days.csv").write_text("USC00000001,20000101,SNOW,12,,,0,\nUSC00000001,20000101,TMAX,-7,,,0,\n")
    ingest(database, folder)
    # Listed in the order of their names: the station file comes first, then days.csv with its own maximum.
    row = next(row for row in observations(database) if row[:2] == ("USC00000001", "2000-01-01"))
    assert row[2:] == (-7, 9, 1, 12, None)
    rewrite(folder / "USC00000001.txt", station_lines([("20000101", 5, 4, 3)]))
    ingest(database, folder)
    row = next(row for row in observations(database) if row[:2] == ("USC00000001", "2000-01-01"))
    assert row[2:] == (5, 4, 3, 12, None)


def test_more_files_than_are_listed_at_once(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_source, "PAGE_SIZE", 1)
    monkeypatch.setattr(jobs, "FILES_AT_ONCE", 2)
    # First in the order of the names, but of many stations, so it is loaded last and its value counts.
    (folder / "2000.csv").write_text("USC00000003,20000101,TMAX,-7,,,0,\n")
    done = ingest(database, folder)
    assert (done.files_found, done.files_loaded) == (4, 4)
    assert database.rows("SELECT files_found FROM ingestion") == [(4,)]
    assert ledger(database)[-1][0] == "2000.csv"
    assert [row[2] for row in observations(database) if row[:2] == ("USC00000003", "2000-01-01")] == [-7]
    assert ingest(database, folder).files_unchanged == 4


def test_real_files(database: Database, weather_data: Callable[[str], Path]) -> None:
    done = ingest(database, weather_data("wx_data"))
    assert (done.files_loaded, done.rows_read, done.rows_inserted) == (167, 1_729_957, 1_729_957)
    assert (done.rows_rejected, done.rows_duplicate, done.warnings) == (0, 0, 737)
    assert database.rows("SELECT count(*) FROM yearly_statistics") == [(4820,)]
    assert statistics(database) == expected_statistics(database)
    [row] = [row for row in statistics(database) if row[:2] == ("USC00110072", 1985)]
    assert row[2:5] == (15.33, 4.33, 78.01)
    again = ingest(database, weather_data("wx_data"))
    assert (again.files_loaded, again.files_unchanged) == (0, 167)


def test_damaged_files_load_as_a_person_would_wish(
    database: Database, tmp_path: Path, weather_data: Callable[[str], Path]
) -> None:
    shutil.copytree(weather_data("defects"), tmp_path / "defects")
    done = ingest(database, tmp_path / "defects")
    assert (done.status, done.files_loaded) == ("succeeded", 5)
    entries = {str(entry[0]): entry[1:] for entry in ledger(database)}
    assert {name: entry[5] for name, entry in entries.items()} == {
        "bad_date.USC00110072.txt": 1,
        "bad_date.USC00111280.txt": 1,
        "blank_trailing_line.USC00110072.txt": 0,
        "crlf.USC00253035.txt": 0,
        "duplicate_first_line.USC00110072.txt": 0,
    }
    assert done.rows_duplicate == 1
    rejected = database.rows(
        "SELECT line, reason FROM rejected_line JOIN source_file ON source_file.id = source_file_id ORDER BY uri"
    )
    assert [line for line, _ in rejected] == [1, 1]
    assert "1985010134" in str(rejected[0][1])
    assert "19850100" in str(rejected[1][1])
    # The three files of one station make one station, with the rows of the undamaged file.
    assert len({row[0] for row in observations(database)}) == 3
    undamaged = tmp_path / "undamaged"
    undamaged.mkdir()
    shutil.copy(weather_data("wx_data") / "USC00110072.txt", undamaged)
    assert ingest(database, undamaged).rows_unchanged == 10_865


def test_ghcn_files(database: Database, tmp_path: Path, weather_data: Callable[[str], Path]) -> None:
    source = tmp_path / "ghcn"
    shutil.copytree(weather_data("ghcn_daily"), source)
    done = ingest(database, source)
    assert (done.files_loaded, done.files_failed) == (3, 1)
    [(uri, error)] = done.failures
    assert uri.endswith("ncei_daily_summaries_sitka_2018.csv")
    assert "WINDSOCK_DAILY_SUMMARIES_UNITS" in error
    assert statistics(database) == expected_statistics(database)
    assert ingest(database, source).failed_before == 1
    again = ingest(database, source, retry_failed=True, WINDSOCK_DAILY_SUMMARIES_UNITS="standard")
    assert (again.files_loaded, again.files_failed) == (1, 0)
    [row] = [row for row in observations(database) if row[:2] == ("USW00025333", "2018-01-01")]
    assert row[2:5] == (89, 33, 114)  # 48 and 38 degrees F, 0.45 inch


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_file_gives_the_same_rows_by_either_way(
    database: Database, weather_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(load, "ROWS_IN_MEMORY", 0)
    ingest(database, weather_data("ghcn_daily"))
    counted = database.rows("SELECT count(*), count(tmax), sum(tmax), sum(prcp), sum(snow), sum(snwd) FROM observation")
    assert counted[0][0] == len(observations(database))
    test_a_file_gives_the_same_rows_by_either_way.counted.append(counted)  # type: ignore[attr-defined]
    assert len(set(map(str, test_a_file_gives_the_same_rows_by_either_way.counted))) == 1  # type: ignore[attr-defined]


test_a_file_gives_the_same_rows_by_either_way.counted = []  # type: ignore[attr-defined]


def _month(element: str, values: list[int]) -> str:
    groups = "".join(f"{value:5d}   " for value in values + [-9999] * (31 - len(values)))
    return f"USC00110072200001{element}{groups}\n"


def test_a_day_that_cannot_be_does_not_cost_the_other_days_of_its_line(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "USC00110072.dly"
    path.write_text(_month("TMAX", [9999, 10]) + _month("TMIN", [9999, 5]))  # as many rejected as there are lines
    done = ingest(database, tmp_path)
    assert (done.files_loaded, done.rows_read, done.rows_rejected) == (1, 2, 2)
    assert observations(database)[0][1:4] == ("2000-01-02", 10, 5)


def test_a_file_of_which_no_day_can_be_read_has_failed(database: Database, tmp_path: Path) -> None:
    (tmp_path / "USC00110072.dly").write_text(_month("TMAX", [9999] * 31))
    done = ingest(database, tmp_path)
    assert (done.files_loaded, done.files_failed) == (0, 1)
    [(_, error)] = done.failures
    assert error.startswith("none of its 1 lines could be read; line 1: day 1: the maximum temperature is 9999")


def test_a_large_new_file_that_breaks_off_leaves_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "ROWS_IN_MEMORY", 10)
    lines = "".join(f"USC000000{number:02d},20000101,TMAX,{number},,,7,\n" for number in range(1, 90))
    whole = gzip.compress(lines.encode())
    (tmp_path / "1.csv.gz").write_bytes(whole[:-12])
    (tmp_path / "2.csv").write_text(lines)
    done = ingest(database, tmp_path)
    assert (done.files_loaded, done.files_failed, done.rows_inserted) == (1, 1, 89)
    assert len(observations(database)) == 89
    assert statistics(database) == expected_statistics(database)
    (tmp_path / "1.csv.gz").write_bytes(whole)
    assert ingest(database, tmp_path).rows_unchanged == 89


def test_a_large_file_with_a_day_in_two_places(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "ROWS_IN_MEMORY", 10)
    monkeypatch.setattr(reading, "PIECE_BYTES", 200)
    lines = [
        f"USC00000001,2000{month:02d}{day:02d},{element},{day},,,7,\n"
        for month in range(1, 13)
        for day in range(1, 29)
        for element in ("TMAX", "TMIN")
    ]
    (tmp_path / "days.csv").write_text("".join(lines))
    done = ingest(database, tmp_path)
    assert (done.rows_read, done.rows_inserted, done.rows_duplicate) == (672, 336, 0)
    (tmp_path / "days.csv").write_text("".join([*lines, lines[0], lines[1].replace(",1,,", ",7,,")]))
    done = ingest(database, tmp_path)
    assert (done.rows_inserted, done.rows_updated, done.rows_unchanged, done.rows_rejected) == (0, 1, 335, 1)
    assert observations(database)[0][2:4] == (1, 7)
    assert statistics(database) == expected_statistics(database)


def test_a_file_that_the_database_refuses_costs_no_other(database: Database, folder: Path) -> None:
    with database.cluster.superuser(database.name) as connection:
        connection.execute("ALTER TABLE observation ADD CHECK (tmax <> 333)")
    (folder / "USC00000000.txt").write_text(station_lines([("20000101", 333, 0, 0)]))
    done = ingest(database, folder)
    assert (done.files_loaded, done.files_failed) == (3, 1)
    assert "the database refused it" in done.failures[0][1]
    assert statistics(database) == expected_statistics(database)


def test_of_two_files_of_a_station_the_later_one_counts(database: Database, tmp_path: Path) -> None:
    for name, tmax in (("a USC00000001.txt", 1), ("b USC00000001.txt", 2)):
        (tmp_path / name).write_text(station_lines([("20000101", tmax, 0, 0)]))
    assert ingest(database, tmp_path).files_loaded == 2
    assert [row[1:] for row in ledger(database)] == [("loaded", 1, 1, 0, 0, 0), ("loaded", 1, 0, 1, 0, 0)]
    assert observations(database)[0][2] == 2
