"""Reading from a replica while it answers, from the primary while it does not."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from sqlalchemy.engine import URL

from app.reads import AwayError, Reads, Row, UnavailableError
from app.settings import ApiSettings

CONNECT_TIMEOUT_S = 2  # there is somebody else to ask: no reason for patience
RETRY_S = 1.0

_POSITION = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"

log = logging.getLogger(__name__)


def reads_of(settings: ApiSettings) -> Reads | ReplicaFirst:
    """What reads from the servers that the settings name."""
    return ReplicaFirst(settings, settings.replica_url) if settings.replica_url else Reads(settings)


class ReplicaFirst:
    """`Reads` of two servers.

    A request that finds the replica gone is answered by the primary, and so are those that follow, without asking the
    replica. A thread asks it once a second, and reads go back to it when it answers and has all that the primary had
    when asked: nobody is shown an older state of the data than before.
    """

    def __init__(self, settings: ApiSettings, replica_url: URL) -> None:
        database = dataclasses.replace(
            settings.database,
            url=replica_url,
            connect_timeout_s=min(CONNECT_TIMEOUT_S, settings.database.connect_timeout_s),
        )
        self._primary = Reads(settings)
        self._replica = Reads(dataclasses.replace(settings, database=database))
        self._left = False
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @property
    def server(self) -> str:
        """Where the rows are read now: `primary` or `replica`."""
        return "primary" if self._left else "replica"

    def rows(self, query: str, parameters: Mapping[str, Any]) -> list[Row]:
        """As `Reads.rows`."""
        if not self._left:
            with self._fallback():
                return self._replica.rows(query, parameters)
        return self._primary.rows(query, parameters)

    def probe(self, query: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """As `Reads.probe`."""
        if not self._left:
            with self._fallback():
                return self._replica.probe(query, parameters)
        return self._primary.probe(query, parameters)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[psycopg.Connection[Row]]:
        """As `Reads.snapshot`. A replica that goes away later breaks the download off, as a server does."""
        with contextlib.ExitStack() as stack:
            connection = None
            if not self._left:
                with self._fallback():
                    connection = stack.enter_context(self._replica.snapshot())
            yield connection or stack.enter_context(self._primary.snapshot())

    def close(self) -> None:
        """As `Reads.close`, and ask the replica no longer."""
        self._closed.set()
        self._replica.close()
        self._primary.close()

    @contextlib.contextmanager
    def _fallback(self) -> Iterator[None]:
        """Go on after the block, with the primary, where the replica is gone."""
        try:
            yield
        except AwayError as error:
            self._leave(error)
        except UnavailableError:
            # Busy, or too slow. Somebody who waited for a connection to a replica that turns out to be gone goes on.
            if not self._left:
                raise

    def _leave(self, error: AwayError) -> None:
        with self._lock:
            if self._left:
                return
            self._left = True
        cause = str(error.__cause__ or "")
        log.warning("the replica does not answer: reading from the primary", extra={"cause": cause})
        threading.Thread(target=self._return, name="windsock-replica", daemon=True).start()

    def _return(self) -> None:
        while not self._closed.wait(RETRY_S):
            with contextlib.suppress(UnavailableError, psycopg.Error):
                if self._has_caught_up():
                    log.warning("the replica answers again: reading from it")
                    self._left = False
                    return

    def _has_caught_up(self) -> bool:
        position = None  # without a primary, what the replica has is the best that there is
        with contextlib.suppress(AwayError):
            position = self._primary.probe(f"SELECT ({_POSITION})::text")[0][0]
        behind = self._replica.probe(
            f"SELECT {_POSITION} < %(position)s::pg_lsn",
            {"position": position},
        )[0][0]
        return not behind
