"""What every response carries: the request's number, permission for other sites to read, rules for browsers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, has_request_context, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID = "X-Request-ID"
ENVIRON_REQUEST_ID = "windsock.request_id"  # where the access log finds it

_SANE = re.compile(r"[A-Za-z0-9._=:-]{1,128}")  # no spaces or quotes: it stands in headers and logs

_COMMON = [
    # All that the API has may be read by anyone, without credentials, so a page of any site may read it too.
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", f"ETag, Link, Retry-After, X-Total-Count, {REQUEST_ID}"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
]
_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"),
    ("Access-Control-Allow-Headers", f"Accept, If-None-Match, If-Modified-Since, {REQUEST_ID}"),
    ("Access-Control-Max-Age", "86400"),
]
_POLICY = "Content-Security-Policy"
_NOTHING = (_POLICY, "default-src 'none'; frame-ancestors 'none'")  # for all that is no page


def register(app: Flask) -> None:
    """Give every request a number and every response its headers."""
    app.wsgi_app = _CommonHeaders(app.wsgi_app)  # type: ignore[method-assign] # as Flask's documentation has it


def request_id() -> str | None:
    """The number of the request that is being answered, None outside of one."""
    return request.environ.get(ENVIRON_REQUEST_ID) if has_request_context() else None


class _CommonHeaders:
    """A WSGI application with them; around Flask's, where a header costs a tenth of what it costs inside."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        given = environ.get("HTTP_X_REQUEST_ID", "")
        # By chance and not by `uuid`, which asks the kernel each time: nobody has to be unable to guess it.
        number = given if _SANE.fullmatch(given) else f"{random.getrandbits(128):032x}"
        environ[ENVIRON_REQUEST_ID] = number

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            more = [(REQUEST_ID, number), *_COMMON]
            if environ["REQUEST_METHOD"] == "OPTIONS":
                more += _PREFLIGHT
            if not any(name == _POLICY for name, _ in headers):
                more.append(_NOTHING)
            return start_response(status, headers + more, *exc_info)

        return self._app(environ, start)
