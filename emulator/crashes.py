"""RDS: a server that crashes is started again: with its data, at its address, after about a minute."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from docker import errors
from ministack.core.responses import request_scope
from ministack.services import rds

from emulator import postgres
from emulator.clock import scaled
from emulator.settings import ACCOUNT, REGION

log = logging.getLogger("emulator")

_PAUSE_S = 0.5
_RESTART_S = 60.0


def install() -> None:
    """Look all the time, where MiniStack goes on calling a server without a process available."""
    threading.Thread(target=_look_for_ever, name="emulator-crashes", daemon=True).start()


def _look_for_ever() -> None:
    while True:
        time.sleep(_PAUSE_S)
        with request_scope(ACCOUNT, REGION):
            for instance in list(rds._instances.values()):
                try:
                    if _is_expected(instance) and postgres.ended(instance) is not None and _is_expected(instance):
                        _start_again(instance)
                except errors.DockerException as error:  # deleted meanwhile; or the next look succeeds
                    log.info("server %s: %s", instance["DBInstanceIdentifier"], error)


def _is_expected(instance: dict[str, Any]) -> bool:
    """Whether a server should be running: it was available, has a container of its own, and nobody is deleting it."""
    return (
        instance["DBInstanceStatus"] == "available"
        and bool(instance.get("_docker_container_id"))
        and not instance.get("_deleting")
    )


def _start_again(instance: dict[str, Any]) -> None:
    name = instance["DBInstanceIdentifier"]
    log.warning("server %s has crashed", name)
    instance["DBInstanceStatus"] = "rebooting"
    time.sleep(scaled(_RESTART_S))
    if not instance.get("_deleting"):
        postgres.start_again(instance)
        log.info("server %s is started again", name)
    instance["DBInstanceStatus"] = "available"
