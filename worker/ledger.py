"""The ledger: which version of which file was loaded, by which pass, with what result. Nothing in it is deleted."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence

import psycopg
from psycopg.types.json import Jsonb

from worker.outcome import Outcome, now
from worker.sources import ListedFile

REJECTED_TEXT_KEPT = 500

# The number spaces of our advisory locks (the first of two int4 keys), beside the migrations' one.
FILE_LOCK, PASS_LOCK, STATION_LOCK, BULK_LOCK = 1, 2, 3, 4

Connection = psycopg.Connection[tuple[object, ...]]


@dataclasses.dataclass(frozen=True)
class Known:
    """What the newest ledger entry of a file says."""

    uri: str
    version: str
    size: int
    modified_at: datetime.datetime | None
    sha256: str | None
    format: str | None
    status: str
    error: str | None


Pending = tuple[ListedFile, Known | None]
"""A file to be loaded, and what the ledger says of its last version."""


def known_files(connection: Connection, uris: Sequence[str]) -> Mapping[str, Known]:
    """The newest entry of each of the files that has one."""
    found = connection.execute(
        """
        SELECT newest.*
        FROM unnest(%s::text[]) AS wanted (uri)
        CROSS JOIN LATERAL (
            SELECT uri, version, bytes, modified_at, sha256, format, status, error
            FROM source_file WHERE source_file.uri = wanted.uri ORDER BY id DESC LIMIT 1
        ) AS newest
        """,
        (list(uris),),
    )
    return {known.uri: known for known in (Known(*row) for row in found)}  # type: ignore[arg-type]  # as selected


def recorded_versions(connection: Connection, source: str) -> Iterator[tuple[str, str]]:
    """The address and the recorded version of each file of a source, for the manifest.

    A file that was interrupted is not among them: it is to be tried again.
    """
    with connection.cursor(name="recorded_versions") as cursor:
        cursor.execute(
            """
            SELECT uri, version FROM (
                SELECT DISTINCT ON (uri) uri, version, status FROM source_file
                WHERE starts_with(uri, %s) ORDER BY uri, id DESC
            ) AS newest
            WHERE status <> 'interrupted'
            """,
            (f"{source}/",),
        )
        yield from cursor


def still_modified_at(connection: Connection, known: Known, modified_at: datetime.datetime, version: str) -> None:
    """Note that a file was touched but holds what it held, so that it need not be read again to see that."""
    connection.execute(
        """
        UPDATE source_file SET modified_at = %s, version = %s
        WHERE id = (SELECT max(id) FROM source_file WHERE uri = %s)
        """,
        (modified_at, version, known.uri),
    )


def record(connection: Connection, ingestion_id: int, outcomes: Sequence[Outcome]) -> None:
    """Write the ledger's entries for files, in their order, with their rejected lines."""
    if not outcomes:
        return
    finished_at = now()
    for outcome in outcomes:
        outcome.finished_at = finished_at
    entries = [_entry(ingestion_id, outcome) for outcome in outcomes]
    names = ", ".join(entries[0])
    added = connection.execute(
        f"INSERT INTO source_file ({names}) "  # noqa: S608  # our own names
        f"SELECT {names} FROM jsonb_populate_recordset(NULL::source_file, %s) RETURNING uri, id",
        (Jsonb(entries),),
    ).fetchall()
    numbers: dict[object, object] = dict(added)  # type: ignore[arg-type]  # uri and id
    rejected = [
        (numbers[outcome.file.uri], one.line, _storable(one.text)[:REJECTED_TEXT_KEPT], _storable(one.reason))
        for outcome in outcomes
        for one in sorted(outcome.rejected, key=lambda one: one.line)
    ]
    if rejected:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO rejected_line (source_file_id, line, text, reason) VALUES (%s, %s, %s, %s)", rejected
            )


def _entry(ingestion_id: int, outcome: Outcome) -> dict[str, object]:
    """The row of `source_file`, as JSON has it."""
    columns: dict[str, object] = {
        "ingestion_id": ingestion_id,
        "uri": outcome.file.uri,
        "version": outcome.version,
        "bytes": outcome.size,
        "modified_at": outcome.file.modified_at,
        "sha256": outcome.sha256,
        "format": outcome.format,
        "status": outcome.status,
        "error": _storable(outcome.error) if outcome.error else None,
        "rows_read": outcome.rows_read,
        "rows_inserted": outcome.rows_inserted,
        "rows_updated": outcome.rows_updated,
        "rows_unchanged": outcome.rows_unchanged,
        "rows_rejected": outcome.rows_rejected,
        "rows_duplicate": outcome.rows_duplicate,
        "values_flagged": outcome.values_flagged,
        "warnings": outcome.warnings,
        "first_date": outcome.first_date,
        "last_date": outcome.last_date,
        "started_at": outcome.started_at,
        "finished_at": outcome.finished_at,
    }
    return {name: one.isoformat() if isinstance(one, datetime.date) else one for name, one in columns.items()}


def _storable(text: str) -> str:
    """PostgreSQL's text takes every character but NUL; lone surrogates are no characters."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
