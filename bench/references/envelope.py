"""What the references have in common: where the database is, and what surrounds the items of a page."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
from typing import Any

DATABASE = os.environ["BENCH_DATABASE_URL"]  # postgresql://...
POOL_SIZE = 5  # connections a process, as the API has
TOTALS = """
    SELECT s.code, sum(y.days)::bigint
    FROM yearly_statistics AS y JOIN station AS s ON s.id = y.station_id GROUP BY s.code
"""


def pagination(total: int, per_page: int, last: tuple[str, dt.date] | None) -> dict[str, Any]:
    """The second part of the envelope; `last` is where the next page goes on, None where there is none."""
    cursor = None
    if last:
        position = json.dumps([last[0], last[1].isoformat()], separators=(",", ":"))
        cursor = base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()
    return {
        "page": 1,
        "per_page": per_page,
        "total_items": total,
        "total_pages": -(-total // per_page),
        "next_cursor": cursor,
    }
