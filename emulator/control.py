"""What a rehearsal asks of the emulator and no AWS offers: addresses under /_emulator/, for this machine only."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

import hypercorn.asyncio
from ministack.core.responses import request_scope

from emulator import schedules
from emulator.settings import ACCOUNT, REGION

_PREFIX = "/_emulator/"


def install() -> None:
    """Answer these addresses before MiniStack sees them."""
    serve = hypercorn.asyncio.serve

    async def serve_with_control(app: Any, config: Any, **options: Any) -> None:
        await serve(_front(app), config, **options)

    hypercorn.asyncio.serve = serve_with_control


def _front(app: Any) -> Any:
    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await app(scope, receive, send)
            return
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        # In a thread: what is called may ask this server.
        status, body = await asyncio.to_thread(_do, scope["method"], scope["path"].removeprefix(_PREFIX), query)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    return answer


def _do(method: str, what: str, query: dict[str, str]) -> tuple[int, dict[str, str]]:
    if (method, what) != ("POST", "fire"):
        return 404, {"error": f"There is no {method} {_PREFIX}{what}. There is: POST {_PREFIX}fire?group=...&name=..."}
    with request_scope(ACCOUNT, REGION):
        try:
            return 200, schedules.fire(query.get("group", "default"), query.get("name", ""))
        except schedules.NoScheduleError as error:
            return 404, {"error": str(error)}
