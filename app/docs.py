"""GET /docs, Swagger UI from local files, and GET /openapi.json, the document that it shows."""

from __future__ import annotations

import hashlib
import importlib.resources
from pathlib import Path

import flask
import flask_swagger_ui
import msgspec
from flask import Blueprint, Flask, Response
from flask_smorest import Api

from app.representation import JSON, to_json

MAX_AGE_S = 86_400
_DIST = Path(str(importlib.resources.files(flask_swagger_ui) / "dist"))

# Swagger UI sets styles on its elements and has its icons in data: URLs; all else comes from here or not at all.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

blueprint = Blueprint("docs", __name__, static_folder="static", static_url_path="/docs/static")


def register(app: Flask, api: Api) -> None:
    """Serve the OpenAPI document of this API, and Swagger UI."""
    document = b""
    etag = ""

    @app.get("/openapi.json")
    def openapi() -> Response:
        nonlocal document, etag
        if not document:
            document = msgspec.json.format(to_json(api.spec.to_dict()), indent=2)
            etag = hashlib.sha256(document).hexdigest()[:32]
        response = Response(document, mimetype=JSON, headers={"Cache-Control": "no-cache"})
        response.set_etag(etag, weak=True)
        response.make_conditional(flask.request)
        return response

    app.register_blueprint(blueprint)


@blueprint.get("/")
def start() -> flask.typing.ResponseReturnValue:
    """To the documentation."""
    return flask.redirect("/docs")


@blueprint.get("/docs")
def page() -> Response:
    """The page that shows the document."""
    response = blueprint.send_static_file("index.html")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blueprint.get("/docs/swagger-ui/<path:name>")
def asset(name: str) -> Response:
    """A file of Swagger UI."""
    return flask.send_from_directory(_DIST, name, max_age=MAX_AGE_S)
