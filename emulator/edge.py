"""One plain address for what is public: the distribution answers at a port of its own, as if asked by HTTPS."""

from __future__ import annotations

from typing import Any

import hypercorn.asyncio
from ministack.core.responses import request_scope
from ministack.services import cloudfront

from emulator.settings import ACCOUNT, REGION, public_port


def install() -> None:
    """Listen at the port besides MiniStack's own, and send what comes there to the distribution."""
    serve = hypercorn.asyncio.serve

    async def serve_both(app: Any, config: Any, **options: Any) -> None:
        config.bind = [*config.bind, f"127.0.0.1:{public_port()}"]
        await serve(_front(app), config, **options)

    hypercorn.asyncio.serve = serve_both
    _ask_the_load_balancer_by_http()


def _ask_the_load_balancer_by_http() -> None:
    """Without a domain the private way to the load balancer is HTTP (edge.yaml); MiniStack asks as the viewer did."""
    target = cloudfront._origin_connect_target

    def repaired(origin: dict[str, Any], viewer_is_https: bool) -> tuple[str, int, bool]:
        host, port, by_https = target(origin, viewer_is_https)
        if origin.get("protocol_policy") == "match-viewer" and cloudfront._registered_alb(origin):
            return host, int(origin.get("http_port", 80)), False
        return host, port, by_https

    cloudfront._origin_connect_target = repaired


def _front(app: Any) -> Any:
    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (scope.get("server") or ("", 0))[1] == public_port():
            given = [(name, value) for name, value in scope["headers"] if name not in (b"host", b"x-forwarded-proto")]
            headers = [(b"host", _name().encode()), (b"x-forwarded-proto", b"https"), *given]
            scope = {**scope, "headers": headers}
        await app(scope, receive, send)

    return answer


def _name() -> str:
    """The name of the newest distribution; of one that cannot be when there is none."""
    with request_scope(ACCOUNT, REGION):
        names = [entry.get("DomainName", "") for entry in cloudfront._distributions.values()]
    return names[-1] if names else "nothing.cloudfront.net"
