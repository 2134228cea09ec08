"""New weather files in the bucket of a rehearsal, and whether they came into the database as they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.conftest import Database, wait_until
from tests.integration.ingesting import a_year, expected_statistics, station_lines, statistics
from tests.resilience.rehearsal.cloud import Cloud

FILES = 60
YEARS = range(1985, 2000)


@dataclasses.dataclass(frozen=True)
class Batch:
    """New files in the bucket, of stations whose codes begin alike."""

    cloud: Cloud
    prefix: str

    @property
    def database(self) -> Database:
        """Where they are loaded to."""
        return self.cloud.database

    def loaded(self) -> int:
        """How many of them are."""
        found = self.database.rows("SELECT count(*) FROM source_file WHERE uri LIKE %s", f"%/{self.prefix}%")
        return int(str(found[0][0]))

    def until_loaded(self, files: int) -> None:
        """Wait until so many are loaded, at least."""
        wait_until(lambda: self.loaded() >= files, f"{files} files are loaded", 120)

    def rows_of_ledger(self) -> int:
        """How many rows the ledger says that they brought."""
        found = self.database.rows(
            "SELECT coalesce(sum(rows_inserted), 0) FROM source_file WHERE uri LIKE %s", f"%/{self.prefix}%"
        )
        return int(str(found[0][0]))

    def observations(self) -> list[tuple[object, ...]]:
        """What is in the database of their stations."""
        return self.database.rows(
            "SELECT code, to_char(date, 'YYYYMMDD'), tmax, tmin, prcp FROM observation "
            "JOIN station ON station.id = station_id WHERE code LIKE %s",
            f"{self.prefix}%",
        )

    def passes(self) -> list[tuple[object, ...]]:
        """Trigger, status and error of the passes that loaded any of them, the first first."""
        return self.database.rows(
            "SELECT trigger, status, error FROM ingestion WHERE id IN "
            "(SELECT ingestion_id FROM source_file WHERE uri LIKE %s) ORDER BY id",
            f"%/{self.prefix}%",
        )

    def wrong(self) -> int:
        """How many rows are missing, twice or other than those of the files, and how many statistics are wrong."""
        found = self.observations()
        differing = set(found) ^ {
            (code(self.prefix, number), *day)
            for number in range(FILES)
            for year in YEARS
            for day in a_year(year, number)
        }
        twice = len(found) - len(set(found))
        statistic = set(statistics(self.database)) ^ set(expected_statistics(self.database))
        return len(differing) + twice + len(statistic)


def code(prefix: str, number: int) -> str:
    return f"{prefix}{number:07d}"


def write_files(folder: Path, prefix: str) -> list[Path]:
    """The files of a batch."""
    files = []
    for number in range(FILES):
        path = folder / f"{code(prefix, number)}.txt"
        path.write_text(station_lines(day for year in YEARS for day in a_year(year, number)), encoding="utf-8")
        files.append(path)
    return files
