"""What starts a pass. The checker tells the task that it starts by a variable, and the pass records it."""

from __future__ import annotations

VARIABLE = "WINDSOCK_TRIGGER"

MANUAL, SCHEDULE, EVENT = "manual", "schedule", "event"
"""A person, a time of the schedule, something that happened in AWS such as a pass that was cut off."""

GIVEN = (MANUAL, SCHEDULE, EVENT)
"""What a pass can be told. The schedule of `worker schedule` knows by itself, and also has `start`: its own start."""

CONTAINER = "worker"
"""The container of the task that is told."""
