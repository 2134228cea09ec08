"""A plain HTTP client: what an answer was, whatever its status, and nothing that repairs or hides a broken one."""

from __future__ import annotations

import dataclasses
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from typing import Any


@dataclasses.dataclass(frozen=True)
class Answer:
    """A complete answer."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def get(url: str, timeout_s: float = 60, **query: object) -> Answer:
    """Ask once.

    Raises:
        OSError: there was no answer (urllib.error.URLError is one).
        http.client.HTTPException: the answer broke off.
    """
    if query:
        url = f"{url}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310 - the URLs are the tests' own
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


NO_ANSWER = (OSError, http.client.HTTPException)
"""What `get` raises."""
