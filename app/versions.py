"""The version of the data, known without making an answer: what ETag, Last-Modified and 304 come from."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import time

from flask import Response, request
from werkzeug.http import http_date

import runtime
from app.reads import Reads
from app.replica import ReplicaFirst

HELD_S = 1.0

# The numbers of the newest rows are added up instead of looking at the newest alone: of two passes at once, the file
# with the lower number may be committed last, and that changes a sum. The end of the pass counts too: whatever a pass
# does after its last file is then seen as well.
_QUERY = """
WITH newest AS (
    SELECT id, finished_at FROM source_file ORDER BY id DESC LIMIT 256
), changed AS (
    SELECT id, finished_at, ingestion_id FROM source_file
    WHERE rows_inserted + rows_updated > 0 ORDER BY id DESC LIMIT 256
), ended AS (
    SELECT max(finished_at) AS at FROM ingestion WHERE id IN (SELECT ingestion_id FROM changed)
)
SELECT
    (SELECT sum(id)::bigint FROM changed),
    (SELECT greatest(max(changed.finished_at), max(ended.at)) FROM changed CROSS JOIN ended),
    (SELECT sum(id)::bigint FROM newest),
    (SELECT max(finished_at) FROM newest)
"""


@dataclasses.dataclass(frozen=True)
class Version:
    """One state of the data: a text that differs from state to state, and when it came to be (None: no data yet)."""

    tag: str
    modified: dt.datetime | None

    @functools.cached_property
    def last_modified(self) -> str:
        """When it came to be, as headers have it."""
        return http_date(self.modified)

    def etag(self, form: str) -> str:
        """The entity tag of an answer in this form (`json`, `csv`), without quotes.

        It is sent as a weak one: the same for an answer and its compressed form, another for each form and release.
        """
        return f"{runtime.__version__}-{self.tag}-{form}"

    def header(self, form: str) -> str:
        """The header `ETag` of such an answer."""
        return f'W/"{self.etag(form)}"'


@dataclasses.dataclass(frozen=True)
class Versions:
    """The versions of the weather, and of all that passes have written, station descriptions included."""

    weather: Version
    everything: Version


class VersionReader:
    """Reads the versions from the database, and holds them for a second: those of the server that rows come from.

    A replica may be behind its primary: what one of them has is not marked with the version of the other.
    """

    def __init__(self, reads: Reads | ReplicaFirst) -> None:
        self._reads = reads
        self._held: tuple[float, str, Versions] | None = None

    def current(self) -> Versions:
        """The versions now, or as they were up to a second ago.

        Raises:
            UnavailableError: the database cannot answer.
        """
        held, now, server = self._held, time.monotonic(), self._reads.server
        if held and now - held[0] < HELD_S and held[1] == server:
            return held[2]
        changed, changed_at, newest, newest_at = self._reads.rows(_QUERY, {})[0]
        weather = Version(_tag(changed, changed_at), changed_at)
        latest = max((at for at in (changed_at, newest_at) if at), default=None)
        everything = Version(f"{weather.tag}-{_tag(newest, newest_at)}", latest)
        versions = Versions(weather, everything)
        self._held = (now, server, versions)
        return versions


def _tag(numbers: int | None, at: dt.datetime | None) -> str:
    return f"{numbers or 0:x}.{int(at.timestamp() * 1_000_000) if at else 0:x}"


def unchanged(version: Version, form: str) -> bool:
    """Whether the client says that it has this version in this form already (RFC 9110, section 13.2.2)."""
    sent = request.environ  # asked first: to read headers that are not there takes as long as to read those that are
    tags = sent.get("HTTP_IF_NONE_MATCH")
    if tags == version.header(form):  # as most clients send it: nothing to be read of a list
        return True
    if tags and request.if_none_match:
        return bool(request.if_none_match.contains_weak(version.etag(form)))
    since = request.if_modified_since if "HTTP_IF_MODIFIED_SINCE" in sent else None
    return bool(since and version.modified and version.modified.replace(microsecond=0) <= since)


def mark(response: Response, version: Version, form: str, max_age_s: int) -> Response:
    """Give the response the headers by which it is cached and asked for again."""
    headers = response.headers
    headers["ETag"] = version.header(form)
    if version.modified:
        headers["Last-Modified"] = version.last_modified
    headers["Cache-Control"] = f"public, max-age={max_age_s}"
    headers["Vary"] = "Accept"
    return response
