"""What a rehearsal asks of the emulator and no AWS offers: addresses under /_emulator/, for this machine only."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

import hypercorn.asyncio
from ministack.core.responses import request_scope

from emulator import schedules, tasks
from emulator.settings import ACCOUNT, REGION

_PREFIX = "/_emulator/"
# How the deployment's own clients call themselves: `user_agent_appid` of deployment/session.py.
_DEPLOYMENT = b"app/windsock"
_calls = 0
"""How often the deployment has asked AWS for something."""


def install() -> None:
    """Answer these addresses before MiniStack sees them."""
    serve = hypercorn.asyncio.serve

    async def serve_with_control(app: Any, config: Any, **options: Any) -> None:
        await serve(_front(app), config, **options)

    hypercorn.asyncio.serve = serve_with_control


def _front(app: Any) -> Any:
    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            if scope["type"] == "http" and any(_DEPLOYMENT in value for _, value in scope["headers"]):
                global _calls  # noqa: PLW0603  # of the one server that this process is
                _calls += 1
            await app(scope, receive, send)
            return
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        # In a thread: what is called may ask this server.
        status, body = await asyncio.to_thread(_do, scope["method"], scope["path"].removeprefix(_PREFIX), query)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    return answer


def _do(method: str, what: str, query: dict[str, str]) -> tuple[int, dict[str, Any]]:
    if (method, what) == ("GET", "calls"):
        return 200, {"calls": _calls}
    with request_scope(ACCOUNT, REGION):
        try:
            if (method, what) == ("POST", "fire"):
                return 200, schedules.fire(query.get("group", "default"), query.get("name", ""))
            if (method, what) == ("POST", "interrupt"):
                return 200, tasks.interrupt(query.get("task", ""))
        except (schedules.NoScheduleError, tasks.NoTaskError) as error:
            return 404, {"error": str(error)}
    there = f"POST {_PREFIX}fire?group=...&name=..., POST {_PREFIX}interrupt?task=... and GET {_PREFIX}calls"
    return 404, {"error": f"There is no {method} {_PREFIX}{what}. There are {there}"}
