"""GET /api/ingestions: what the worker has loaded, what it rejected, and why."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import marshmallow as ma
import msgspec
from flask import Response
from werkzeug.exceptions import NotFound

from app import pagination, representation, schemas
from app.arguments import Blueprint, NoQuery, PageQuery, choice
from app.documentation import LIST_HEADERS, link, linked, next_page, problems
from app.pagination import paging_of
from app.reads import Row
from app.state import state

blueprint = Blueprint(
    "Ingestions", __name__, url_prefix="/api/ingestions", description="What was loaded, what was rejected, and why"
)

_SUMS = (
    "rows_read", "rows_inserted", "rows_updated", "rows_unchanged",
    "rows_rejected", "rows_duplicate", "values_flagged", "warnings",
)  # fmt: skip

PASS_COLUMNS = {
    **{
        name: f"i.{name}"
        for name in (
            "id", "trigger", "source", "generated", "status", "error",
            "started_at", "finished_at", "files_found", "files_unchanged",
        )
    },
    **{f"files_{status}": f"files.{status}" for status in ("loaded", "failed", "interrupted")},
    **{name: f"files.{name}" for name in _SUMS},
}  # fmt: skip
_PASS_SUMS = f"""
    CROSS JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE f.status = 'loaded') AS loaded,
            count(*) FILTER (WHERE f.status = 'failed') AS failed,
            count(*) FILTER (WHERE f.status = 'interrupted') AS interrupted,
            {", ".join(f"coalesce(sum(f.{name}), 0)::bigint AS {name}" for name in _SUMS)}
        FROM source_file AS f WHERE f.ingestion_id = i.id
    ) AS files
"""  # noqa: S608 - of this module's own texts only

FILE_COLUMNS = {
    name: f"f.{name}"
    for name in (
        "id", "ingestion_id", "uri", "version", "bytes", "modified_at", "sha256", "format", "status", "error",
        *_SUMS, "first_date", "last_date", "started_at", "finished_at",
    )
}  # fmt: skip

LINE_COLUMNS = {name: f"r.{name}" for name in ("line", "text", "reason")}


@dataclasses.dataclass(frozen=True)
class _List:
    """A list of the ledger, ordered by its first column, a number."""

    table: str
    details: str  # what is joined for the columns, and cannot change how many rows there are
    columns: Mapping[str, str]
    newest_first: bool = False

    def page(self, query: Mapping[str, Any], where: Mapping[str, object]) -> Response:
        """The page that the loaded parameters ask for, of the rows with these values."""
        representation.negotiate(None, csv=False)
        paging = paging_of(query, (int,))
        equal = " AND ".join(f"{column} = %({column})s" for column in where) or "true"
        total = state().reads.rows(f"SELECT count(*) FROM {self.table} WHERE {equal}", where)[0][0]  # noqa: S608 - as above
        key = next(iter(self.columns.values()))
        beyond, order = ("<", "DESC") if self.newest_first else (">", "ASC")
        after = f"AND {key} {beyond} %(after)s" if paging.after else ""
        rows = state().reads.rows(
            f"""
            SELECT {_selected(self.columns)} FROM {self.table} {self.details}
            WHERE {equal} {after} ORDER BY {key} {order} LIMIT %(limit)s OFFSET %(offset)s
            """,  # noqa: S608 - as above
            {
                **where,
                "after": paging.after and paging.after[0],
                "limit": paging.per_page + 1,
                "offset": 0 if paging.after else min(paging.offset, total),
            },
        )
        items = [self.item(*row) for row in rows]
        return _fresh(pagination.answer(items, paging, total, [next(iter(self.columns))]))

    @functools.cached_property
    def item(self) -> type[msgspec.Struct]:
        """A row as it is sent."""
        return representation.item_type(self.table.split()[0], self.columns)

    def one(self, where: Mapping[str, object]) -> Row | None:
        """The row with these values."""
        equal = " AND ".join(f"{column} = %({column})s" for column in where)
        rows = state().reads.rows(
            f"SELECT {_selected(self.columns)} FROM {self.table} {self.details} WHERE {equal}",  # noqa: S608 - as above
            where,
        )
        return rows[0] if rows else None


def _selected(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in columns.items())


def _fresh(response: Response) -> Response:
    # A running pass changes from second to second.
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept")
    return response


PASSES = _List("ingestion AS i", _PASS_SUMS, PASS_COLUMNS, newest_first=True)
FILES = _List("source_file AS f", "", FILE_COLUMNS)
LINES = _List("rejected_line AS r", "", LINE_COLUMNS)


class PassesFilter(ma.Schema):
    """Which passes."""

    status = choice("running", "succeeded", "failed", "interrupted", description="Passes of this status only.")


class IngestionsQuery(PageQuery, PassesFilter):
    """A list of passes."""


class FilesFilter(ma.Schema):
    """Which files of a pass."""

    status = choice("loaded", "failed", "interrupted", description="Files of this status only.")


class FilesQuery(PageQuery, FilesFilter):
    """A list of files."""


@blueprint.route("")
@blueprint.arguments(IngestionsQuery(), location="query")
@blueprint.response(200, schemas.IngestionPage, description="A page of passes", headers=LIST_HEADERS)
@linked(
    next=next_page("/api/ingestions"),
    ingestion=link("/api/ingestions/{ingestion_id}", "The newest pass", ingestion_id="/data/0/id"),
)
@problems(400, 406, 503)
def ingestions(query: dict[str, Any]) -> Response:
    """Passes of the worker, the newest first

    A pass lists the source and loads what is new or changed in it.
    """
    return PASSES.page(query, {"i.status": query["status"]} if "status" in query else {})


@blueprint.route("/<int:ingestion_id>")
@blueprint.arguments(NoQuery(), location="query")
@blueprint.response(200, schemas.Ingestion, description="The pass")
@linked(files=link("/api/ingestions/{ingestion_id}/files", "Its files", ingestion_id="/id"))
@problems(400, 404, 406, 503)
def ingestion(_query: dict[str, Any], ingestion_id: int) -> Response:
    """One pass of the worker"""
    representation.negotiate(None, csv=False)
    return _fresh(representation.json_response(PASSES.item(*_pass(ingestion_id))))


@blueprint.route("/<int:ingestion_id>/files")
@blueprint.arguments(FilesQuery(), location="query")
@blueprint.response(200, schemas.SourceFilePage, description="A page of files", headers=LIST_HEADERS)
@linked(
    rejected_lines=link(
        "/api/ingestions/{ingestion_id}/files/{file_id}/rejected-lines",
        "What could not be loaded of the first file",
        ingestion_id="/data/0/ingestion_id",
        file_id="/data/0/id",
    )
)
@problems(400, 404, 406, 503)
def files(query: dict[str, Any], ingestion_id: int) -> Response:
    """The files of a pass

    Every file that the pass tried to load, in that order. Files skipped as unchanged are counted in the pass only.
    """
    _pass(ingestion_id)
    where = {"f.ingestion_id": ingestion_id}
    return FILES.page(query, {**where, "f.status": query["status"]} if "status" in query else where)


@blueprint.route("/<int:ingestion_id>/files/<int:file_id>/rejected-lines")
@blueprint.arguments(PageQuery(), location="query")
@blueprint.response(200, schemas.RejectedLinePage, description="A page of lines", headers=LIST_HEADERS)
@problems(400, 404, 406, 503)
def rejected_lines(query: dict[str, Any], ingestion_id: int, file_id: int) -> Response:
    """The lines of a file that could not be loaded

    Each with its number in the file and the reason, in the order of the file. The first 1,000 of a file are kept.
    """
    if FILES.one({"f.ingestion_id": ingestion_id, "f.id": file_id}) is None:
        raise NotFound(
            f"Ingestion {ingestion_id} tried no file {file_id}. Its files are at /api/ingestions/{ingestion_id}/files."
        )
    return LINES.page(query, {"r.source_file_id": file_id})


def _pass(ingestion_id: int) -> Row:
    found = PASSES.one({"i.id": ingestion_id})
    if found is None:
        raise NotFound(f"There is no ingestion {ingestion_id}. The recent ones are at /api/ingestions.")
    return found
