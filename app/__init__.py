"""The Windsock API: daily weather, its statistics, stations and ingestions, read only.

To be served with `gunicorn --config app/gunicorn.conf.py "app:create_app()"`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_compress import Compress

from app import docs, errors, health, http_headers, ingestions, stations, weather
from app.documentation import Api
from app.errors import MIMETYPE as PROBLEM
from app.representation import CSV, JSON
from app.settings import ApiSettings
from app.state import EXTENSION, State
from runtime import tracing
from runtime.environment import load

UNTRACED = "^https?://[^/]+/health/"
"""Load balancers and supervisors ask every few seconds: a regular expression of the URLs that they ask."""


class _Flask(Flask):
    """Flask, where all functions are plain ones: it looks whether they are coroutines at each request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself."""
        return func


def create_app(settings: ApiSettings | None = None) -> Flask:
    """The WSGI application. Nothing is connected yet: it starts, and says that it is live, without a database.

    Args:
        settings: what it is told; read from the environment when left out.

    Raises:
        SettingsError: the environment lacks a variable or has a malformed one.
    """
    settings = settings or load(ApiSettings)
    app = _Flask(__name__, static_folder=None)
    tracing.start(settings.tracing, service="windsock-api", environment=settings.deployment.environment)
    tracing.trace_requests(app, untraced=UNTRACED)
    app.url_map.strict_slashes = False  # /api/weather/ is /api/weather
    app.url_map.merge_slashes = False  # a station's code may hold two of them
    app.config.update(
        COMPRESS_MIMETYPES=[JSON, CSV, PROBLEM, "text/html", "text/css", "text/javascript"],
        # What is asked of the server is small and frequent: fast levels, and of the fast algorithms the one that all
        # clients have and the one that is better.
        COMPRESS_ALGORITHM=["zstd", "gzip"],
        COMPRESS_ALGORITHM_STREAMING=["zstd", "gzip"],
        COMPRESS_LEVEL=4,
        COMPRESS_STREAMING_ENDPOINT_CONDITIONAL=["docs.asset", "docs.static"],
    )
    app.extensions[EXTENSION] = State.of(settings)
    Compress(app)
    http_headers.register(app)
    errors.register(app)
    api = Api(app)
    for blueprint in (weather.blueprint, stations.blueprint, ingestions.blueprint, health.blueprint):
        api.register_blueprint(blueprint)
    docs.register(app, api)
    return app
