"""What tasks print, in the log streams that their definitions name: whole lines, none lost at a task's end."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch_logs, ecs

log = logging.getLogger("emulator")

_LAST_WORDS_WAIT_S = 10.0
_followers: dict[str, list[threading.Thread]] = {}
"""Who reads the output of a container, by its id."""


def install() -> None:
    """Follow each container with own readers. MiniStack's cuts lines where Docker's packets end."""
    ecs._start_awslogs_forwarder = _follow


def wait_for_last_words(container_id: str) -> None:
    """Wait until all that an ended container printed is in its log: only then may it be removed."""
    for follower in _followers.pop(container_id, []):
        follower.join(_LAST_WORDS_WAIT_S)


def _follow(container: Any, definition: dict[str, Any], task_id: str) -> None:
    target = ecs._awslogs_config(definition, task_id, container.id)
    if not target:
        return
    scope = (get_account_id(), target["region"] or get_region())
    with request_scope(*scope):
        if not ecs._ensure_awslogs_stream(target):
            return
    _followers[container.id] = [
        threading.Thread(target=_forward, args=(container, source, target, *scope), daemon=True, name="emulator-logs")
        for source in ("stdout", "stderr")  # each by itself: a line of one is not cut by the other
    ]
    for follower in _followers[container.id]:
        follower.start()


def _forward(container: Any, source: str, target: dict[str, Any], account: str, region: str) -> None:
    with request_scope(account, region):
        unfinished = b""
        wanted = {"stdout": source == "stdout", "stderr": source == "stderr"}
        try:
            # What was printed before this begins comes, too, and also of a container that has ended meanwhile.
            for packet in container.logs(stream=True, follow=True, **wanted):
                *lines, unfinished = (unfinished + packet).split(b"\n")
                _put(target, lines)
        except Exception:
            log.exception("the output of container %s is not followed any more", container.id)
        _put(target, [unfinished] if unfinished else [])


def _put(target: dict[str, Any], lines: list[bytes]) -> None:
    if not lines:
        return
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line.decode(errors="replace").rstrip("\r")} for line in lines]
    cloudwatch_logs._put_log_events(
        {"logGroupName": target["group"], "logStreamName": target["stream"], "logEvents": events}
    )
