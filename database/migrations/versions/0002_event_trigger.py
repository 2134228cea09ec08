"""A pass may have been started by an event, such as one that was cut off.

Revision: 0002, after 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

works_with_code_of = "0001"  # it only allows one more value


def upgrade() -> None:
    name = op.f("ingestion_trigger_check")
    op.drop_constraint(name, "ingestion")
    op.create_check_constraint(name, "ingestion", "trigger IN ('manual', 'schedule', 'start', 'event')")
