"""What OpenAPI cannot say about the parameters, for schemathesis: some of them contradict each other.

Only requests that are meant to be good are changed. That contradictions are refused is tested in `test_requests`.
"""

from __future__ import annotations

from typing import Any

import schemathesis

RANGES = [("date", "start_date", "end_date"), ("year", "start_year", "end_year")]


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case, _kwargs: dict[str, Any]) -> None:
    """Make a good request one that also follows the rules between parameters."""
    query = case.query
    if not query or case.meta is None or case.meta.generation.mode is not schemathesis.GenerationMode.POSITIVE:
        return
    query.pop("cursor", None)  # only the server can make a good one
    if query.get("format") == "csv":
        query.pop("page", None)
        query.pop("per_page", None)
    for one, first, last in RANGES:
        if one in query:
            query.pop(first, None)
            query.pop(last, None)
        elif first in query and last in query:
            query[first], query[last] = sorted([query[first], query[last]])
