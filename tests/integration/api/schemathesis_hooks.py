"""What OpenAPI cannot say about the parameters, for schemathesis: some of them contradict each other.

Only requests that are meant to be good are changed. That contradictions are refused is tested in `test_requests`.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import schemathesis
from schemathesis.generation.meta import TestPhase

RANGES = [("date", "start_date", "end_date"), ("year", "start_year", "end_year")]


@schemathesis.hook
def before_call(_context: schemathesis.HookContext, case: schemathesis.Case, _kwargs: dict[str, Any]) -> None:
    """Make a good request one that also follows the rules between parameters."""
    query = case.query
    if not query or case.meta is None or case.meta.generation.mode is not schemathesis.GenerationMode.POSITIVE:
        return
    if case.meta.phase.name is TestPhase.STATEFUL:  # a link needs an answer that has something in it, and JSON
        for name in ("format", "page", *(name for names in RANGES for name in names)):
            query.pop(name, None)
    if _is_cursor(query.get("cursor")):  # of an earlier answer, by a link
        query.pop("page", None)
    else:
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


def _is_cursor(text: object) -> bool:
    try:
        return isinstance(json.loads(base64.urlsafe_b64decode(f"{text}===")), list)
    except (ValueError, binascii.Error):
        return False
