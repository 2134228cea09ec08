"""What every response carries: the request's number, permission for other sites to read, rules for browsers."""

from __future__ import annotations

import re
import uuid

from flask import Flask, Response, g, request

REQUEST_ID = "X-Request-ID"
ENVIRON_REQUEST_ID = "windsock.request_id"  # where the access log finds it

_SANE = re.compile(r"[A-Za-z0-9._=:-]{1,128}")  # no spaces or quotes: it stands in headers and logs

# All that the API has may be read by anyone, without credentials, so a page of any site may read it too.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": f"ETag, Link, Retry-After, X-Total-Count, {REQUEST_ID}",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": f"Accept, If-None-Match, If-Modified-Since, {REQUEST_ID}",
    "Access-Control-Max-Age": "86400",
}
_BROWSER = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def register(app: Flask) -> None:
    """Give every request a number and every response its headers."""
    app.before_request(_number)
    app.after_request(_complete)


def _number() -> None:
    given = request.headers.get(REQUEST_ID, "")
    g.request_id = given if _SANE.fullmatch(given) else uuid.uuid4().hex
    request.environ[ENVIRON_REQUEST_ID] = g.request_id


def _complete(response: Response) -> Response:
    headers = response.headers
    headers[REQUEST_ID] = g.request_id
    headers.extend(_CORS)
    if request.method == "OPTIONS":
        headers.update(_PREFLIGHT)
    for name, value in _BROWSER.items():
        headers.setdefault(name, value)
    return response
