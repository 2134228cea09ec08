"""The server: MiniStack with everything here put in. Started by `python -m emulator start`, not by hand."""

from __future__ import annotations

import importlib.metadata
import sys

from emulator import MINISTACK_VERSION


def main() -> int:
    """Check the version, repair MiniStack in this very process, and serve until told to stop."""
    found = importlib.metadata.version("ministack")
    if found != MINISTACK_VERSION:
        sys.stderr.write(
            f"The emulator is written for MiniStack {MINISTACK_VERSION}, and here is {found}. Its repairs reach into "
            f"MiniStack's inside: install requirements/emulator.txt, or bring emulator/ up to the new one.\n"
        )
        return 2
    from ministack.app import main as serve  # noqa: PLC0415 - only when the version is right

    # fmt: off
    from emulator import (  # noqa: PLC0415
        account,
        changes,
        cloudformation,
        control,
        database,
        edge,
        functions,
        health,
        metrics,
        postgres,
        recorded,
        registry,
        rotation,
        schedules,
        service_api,
        task_end,
        task_events,
        task_logs,
        task_start,
        tasks,
        templates,
    )
    from emulator.resources import alarms, load_balancing, network, secrets, storage  # noqa: PLC0415
    # fmt: on

    types = (network, load_balancing, secrets, storage, alarms, recorded)
    containers = (registry, postgres, database, tasks, task_start, task_logs, task_end)
    events = (task_events, metrics, functions, schedules, rotation)
    services = (service_api, health, edge)
    parts = (templates, changes, account, *types, *containers, *services, *events, control)
    for part in (*parts, cloudformation):
        part.install()
    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
