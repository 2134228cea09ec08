"""Every error that leaves the API is a problem document (RFC 9457, application/problem+json)."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import flask
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.http_headers import request_id
from app.reads import RETRY_AFTER_S, UnavailableError
from app.representation import to_json

MIMETYPE = "application/problem+json"
INVALID_PARAMETERS = "urn:windsock:problem:invalid-parameters"
DATABASE_UNAVAILABLE = "urn:windsock:problem:database-unavailable"

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class InvalidParameter:
    """One parameter that cannot be used: its name, what is wrong with it, what would be accepted."""

    parameter: str
    problem: str
    accepted: str


class InvalidParametersError(Exception):
    """The query string cannot be used; becomes 400."""

    def __init__(self, invalid: Sequence[InvalidParameter]) -> None:
        self.invalid = invalid
        super().__init__(
            " ".join(f"{each.parameter} {each.problem}; accepted: {each.accepted}." for each in self.invalid)
        )


def invalid_parameter(parameter: str, problem: str, accepted: str) -> InvalidParametersError:
    """The error for one parameter."""
    return InvalidParametersError([InvalidParameter(parameter, problem, accepted)])


def problem(status: int, title: str, detail: str | None, **members: Any) -> Response:
    """A response with a problem document. The member `type` is a URI of the kind."""
    document = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id(),
        **members,
    }
    response = Response(to_json(document), status, mimetype=MIMETYPE)
    response.headers["Cache-Control"] = "no-store"
    return response


def register(app: Flask) -> None:
    """Make the application answer every error with a problem document."""
    app.register_error_handler(InvalidParametersError, _invalid_parameters)
    app.register_error_handler(UnavailableError, _unavailable)
    app.register_error_handler(HTTPException, from_http_exception)
    app.register_error_handler(Exception, _unexpected)


def from_http_exception(error: HTTPException) -> flask.typing.ResponseReturnValue:
    """The problem document of an error of Flask or werkzeug; headers such as Allow and Location stay."""
    if error.code is None or error.code < 400:
        return error.get_response()
    detail = error.description
    if error.code == 404 and error.description == _WERKZEUG_NOT_FOUND:
        detail = f"There is nothing at {request.path}. All that there is, is described at /docs."
    response = problem(error.code, error.name, detail)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


_WERKZEUG_NOT_FOUND = (
    "The requested URL was not found on the server. If you entered"
    " the URL manually please check your spelling and try again."
)


def _invalid_parameters(error: InvalidParametersError) -> Response:
    return problem(
        400,
        "Invalid parameters",
        str(error),
        type=INVALID_PARAMETERS,
        errors=[dataclasses.asdict(each) for each in error.invalid],
    )


def _unavailable(error: UnavailableError) -> Response:
    # The cause names hosts and roles: it is for the log, not for the client.
    log.warning(
        "database unavailable",
        extra={"request_id": request_id(), "reason": str(error), "cause": str(error.__cause__ or "")},
    )
    response = problem(503, "Database unavailable", str(error), type=DATABASE_UNAVAILABLE)
    response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _unexpected(error: Exception) -> Response:
    log.error(
        "request failed",
        exc_info=error,
        extra={"request_id": request_id(), "method": request.method, "path": request.path},
    )
    return problem(
        500,
        "Internal Server Error",
        "The request failed by a mistake of the server. Its log has the reason under the request_id of this document.",
    )
