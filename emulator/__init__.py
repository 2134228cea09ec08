"""An AWS on this machine, for rehearsals: MiniStack with what it lacks for Windsock. `python -m emulator` starts it.

What runs for real are containers: the database, the tasks, what is pushed; and HTTP through the load balancer. What is
only written down is listed in `emulator.recorded`, and by `python -m emulator status`.
"""

MINISTACK_VERSION = "1.5.33"
"""The one whose inside the patches here know; another one is refused at the start."""
