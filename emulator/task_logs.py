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
_followers: dict[str, threading.Thread] = {}
"""Who reads the output of a container, by its id."""


def install() -> None:
    """Follow each container with an own reader. MiniStack's cuts lines where Docker's packets end."""
    ecs._start_awslogs_forwarder = _follow


def wait_for_last_words(container_id: str) -> None:
    """Wait until all that an ended container printed is in its log: only then may it be removed."""
    follower = _followers.pop(container_id, None)
    if follower:
        follower.join(_LAST_WORDS_WAIT_S)


def _follow(container: Any, definition: dict[str, Any], task_id: str) -> None:
    target = ecs._awslogs_config(definition, task_id, container.id)
    if not target:
        return
    scope = (get_account_id(), target["region"] or get_region())
    follower = threading.Thread(target=_forward, args=(container, target, *scope), daemon=True, name="emulator-logs")
    _followers[container.id] = follower
    follower.start()


def _forward(container: Any, target: dict[str, Any], account: str, region: str) -> None:
    with request_scope(account, region):
        if not ecs._ensure_awslogs_stream(target):
            return
        unfinished = {True: b"", False: b""}  # of standard output and standard error
        try:
            for packets in container.attach(stream=True, logs=True, stdout=True, stderr=True, demux=True):
                for is_output, packet in zip((True, False), packets, strict=True):
                    if packet:
                        *lines, unfinished[is_output] = (unfinished[is_output] + packet).split(b"\n")
                        _put(target, lines)
        except Exception:
            log.exception("the output of container %s is not followed any more", container.id)
        _put(target, [line for line in unfinished.values() if line])


def _put(target: dict[str, Any], lines: list[bytes]) -> None:
    if not lines:
        return
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": line.decode(errors="replace").rstrip("\r")} for line in lines]
    cloudwatch_logs._put_log_events(
        {"logGroupName": target["group"], "logStreamName": target["stream"], "logEvents": events}
    )
