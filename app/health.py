"""GET /health/live and /health/ready: for load balancers and supervisors."""

from __future__ import annotations

import functools

from flask import Response

import runtime
from app.arguments import Blueprint
from app.documentation import problems
from app.reads import UnavailableError
from app.representation import json_response
from app.schemas import Health
from app.state import state
from database.revisions import known_revisions

blueprint = Blueprint("Health", __name__, url_prefix="/health", description="For load balancers and supervisors")

_LIVE = {"status": "live", "version": "0.1.0", "revision": "5ded7a0f1b8c"}
_READY = {**_LIVE, "status": "ready", "schema": "0002", "reads_from": "primary"}


@blueprint.route("/live")
@blueprint.response(200, Health, description="The process answers", example=_LIVE)
@problems()
def live() -> Response:
    """The process is up

    Looks at nothing else: a process is not to be restarted because the database is away.
    """
    return _health("live")


@blueprint.route("/ready")
@blueprint.response(200, Health, description="Requests can be answered", example=_READY)
@problems(503)
def ready() -> Response:
    """The database is reachable and migrated

    Answers 503 with the reason until then. Uses a database connection of its own, so that many slow requests do not
    make the process look ill. `reads_from` says which server answers: the primary also stands in for a replica.
    """
    rows = state().reads.probe("SELECT version_num FROM alembic_version")
    revision = rows[0][0] if rows else None
    # A revision that this release does not know is of a newer one. Migrations only add, so that the release that is
    # being replaced, or rolled back to, goes on working with it.
    if revision is None or revision in _outdated():
        raise UnavailableError(
            f"The database is at revision {revision or 'none'}, older than this release needs. Run the migrations."
        )
    return _health("ready", schema=revision, reads_from=state().reads.server)


@functools.cache
def _outdated() -> frozenset[str]:
    return frozenset(known_revisions()[1:])


def _health(status: str, **more: str) -> Response:
    revision = state().settings.revision
    response = json_response({"status": status, "version": runtime.__version__, "revision": revision, **more})
    response.headers["Cache-Control"] = "no-store"
    return response
