"""The load balancer's health checks: made for real, told as they are, and heeded when requests are forwarded."""

from __future__ import annotations

import http.client
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb

from emulator.clock import scaled
from emulator.settings import ACCOUNT, REGION

log = logging.getLogger("emulator")

_PAUSE_S = 0.1
_NO_TARGET = (503, {"Content-Type": "text/html"}, b"<html><body>503 Service Temporarily Unavailable</body></html>")

Key = tuple[str, str, int]
"""A target group's ARN, a target's address and its port."""


@dataclass
class Health:
    """What is known of one target."""

    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    text: str = "Target registration is in progress"
    passed: int = 0
    failed: int = 0
    failing_since: float = 0.0
    due: float = 0.0
    busy: bool = False


_known: dict[Key, Health] = {}
_lock = threading.Lock()


def install() -> None:
    """Check all the time, and put what is found where MiniStack calls every target healthy."""
    alb._forward_to_tg = _forward
    alb._execute_action = _weighed(alb._execute_action)
    alb._ACTION_MAP["DescribeTargetHealth"] = _describe
    threading.Thread(target=_check_for_ever, name="emulator-health", daemon=True).start()


def state(group: str, address: str, port: int) -> str:
    """`initial`, `healthy`, `unhealthy`, or `unused` for one that is not registered."""
    with _lock:
        health = _known.get((group, address, port))
    return health.state if health else "unused"


def given_up(group: str, address: str, port: int) -> bool:
    """Whether a target has failed for as long as its group allows, in real seconds: as it would on AWS, too."""
    settings = alb._tgs.get(group) or {}
    allowed_s = float(settings.get("HealthCheckIntervalSeconds") or 30) * int(
        settings.get("UnhealthyThresholdCount") or 2
    )
    with _lock:
        health = _known.get((group, address, port))
        return health is not None and health.failed > 0 and time.monotonic() - health.failing_since > allowed_s


def healthy(group: str) -> int:
    """How many targets of a group are healthy."""
    with _lock:
        return sum(health.state == "healthy" for key, health in _known.items() if key[0] == group)


def unhealthy(group: str) -> int:
    """How many are not, and are not being looked at for the first time either."""
    with _lock:
        return sum(health.state == "unhealthy" for key, health in _known.items() if key[0] == group)


def _registered() -> dict[Key, dict[str, Any]]:
    """All targets with an address, and their groups."""
    return {
        (arn, target["Id"], int(target.get("Port") or group.get("Port") or 80)): group
        for arn, group in list(alb._tgs.items())
        if group.get("TargetType") == "ip"
        for target in list(alb._targets.get(arn, []))
    }


def _check_for_ever() -> None:
    with ThreadPoolExecutor(max_workers=16, thread_name_prefix="emulator-health") as pool:
        while True:
            try:
                with request_scope(ACCOUNT, REGION):
                    registered = _registered()
            except RuntimeError:  # a dictionary that changed meanwhile
                continue
            now = time.monotonic()
            with _lock:
                for key in [key for key in _known if key not in registered]:
                    del _known[key]
                for key, group in registered.items():
                    health = _known.setdefault(key, Health())
                    if now >= health.due and not health.busy:
                        health.busy = True
                        health.due = now + max(_PAUSE_S, scaled(float(group.get("HealthCheckIntervalSeconds") or 30)))
                        pool.submit(_check, key, group, health)
            time.sleep(_PAUSE_S)


def _check(key: Key, group: dict[str, Any], health: Health) -> None:
    """Ask one target once, and draw the conclusions of the load balancer."""
    problem = _ask(key[1], key[2], group)
    with _lock:
        health.busy = False
        if problem is None:
            health.passed, health.failed = health.passed + 1, 0
            # A new target needs to pass once; one that failed, as often as its group says.
            needed = 1 if health.state == "initial" else int(group.get("HealthyThresholdCount") or 5)
            if health.state != "healthy" and health.passed >= needed:
                health.state, health.reason, health.text = "healthy", "", ""
                log.info("target %s:%s of %s is healthy", key[1], key[2], key[0].split("/")[-2])
            return
        if not health.failed:
            health.failing_since = time.monotonic()
        health.passed, health.failed = 0, health.failed + 1
        if health.state != "unhealthy" and health.failed >= int(group.get("UnhealthyThresholdCount") or 2):
            health.state = "unhealthy"
            log.info("target %s:%s of %s is unhealthy: %s", key[1], key[2], key[0].split("/")[-2], problem[1])
        if health.state == "unhealthy":
            health.reason, health.text = problem


def _ask(address: str, port: int, group: dict[str, Any]) -> tuple[str, str] | None:
    """What was wrong with the answer, as AWS names it and in words; nothing when it was right."""
    timeout = float(group.get("HealthCheckTimeoutSeconds") or 5)
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request("GET", group.get("HealthCheckPath") or "/", headers={"User-Agent": "ELB-HealthChecker/2.0"})
        status = connection.getresponse().status
    except TimeoutError:
        return "Target.Timeout", "Request timed out"
    except (OSError, http.client.HTTPException) as error:
        return "Target.FailedHealthChecks", f"Health checks failed: {error}"
    finally:
        connection.close()
    if _matches(str((group.get("Matcher") or {}).get("HttpCode") or "200"), status):
        return None
    return "Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]"


def _matches(matcher: str, status: int) -> bool:
    """Whether a status is of a matcher such as `200,202` or `200-299`."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


async def _forward(group_arn: str, method: str, path: str, headers: Any, body: Any, query: Any,
                   raw_query: str | None = None, raw_path: str | None = None) -> Any:  # fmt: skip
    """To a healthy target. When none is healthy but some were, to any: as AWS does, hoping that the check is wrong."""
    group = alb._tgs.get(group_arn)
    if not group:
        return _NO_TARGET
    by_state: dict[str, list[dict[str, Any]]] = {}
    for target in alb._targets.get(group_arn, []):
        where = (group_arn, target["Id"], int(target.get("Port") or group.get("Port") or 80))
        by_state.setdefault(state(*where), []).append(target)
    usable = by_state.get("healthy") or by_state.get("unhealthy")
    if not usable:
        return _NO_TARGET
    target = random.choice(usable)  # noqa: S311 - no secret depends on it
    return await alb._proxy_http_target(target, group, method, raw_path or path, headers, body, query, raw_query)


def _weighed(execute: Any) -> Any:
    """Forward to the groups of a rule by their weights, where MiniStack takes the first."""

    async def repaired(action: dict[str, Any], *rest: Any) -> Any:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        weights = [int(group.get("Weight", 1)) for group in groups]
        if str(action.get("Type", "")).lower() == "forward" and sum(weights) > 0:
            chosen = random.choices(groups, weights)[0]  # noqa: S311 - no secret depends on it
            action = {**action, "TargetGroupArn": chosen["TargetGroupArn"]}
        return await execute(action, *rest)

    return repaired


def _describe(parameters: dict[str, Any]) -> Any:
    group_arn = alb._p(parameters, "TargetGroupArn")
    group = alb._tgs.get(group_arn)
    if not group:
        return alb._error("TargetGroupNotFound", f"Target group '{group_arn}' not found.")
    members = []
    for target in alb._targets.get(group_arn, []):
        port = int(target.get("Port") or group.get("Port") or 80)
        with _lock:
            health = _known.get((group_arn, target["Id"], port), Health())
            reason = (
                f"<Reason>{health.reason}</Reason><Description>{health.text}</Description>" if health.reason else ""
            )
            members.append(
                f"<member><Target><Id>{target['Id']}</Id><Port>{port}</Port></Target>"
                f"<TargetHealth><State>{health.state}</State>{reason}</TargetHealth></member>"
            )
    listed = "".join(members)
    return alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{listed}</TargetHealthDescriptions>")
