"""Hostile clients: whatever they send, an ordinary answer or a refusal in words, and one line of the log for each."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from app.errors import MIMETYPE
from tests.conftest import Database, wait_until
from tests.integration.api.conftest import Served, serve, weather
from tests.integration.api.test_schemathesis import run_schemathesis
from tests.resilience import attacks
from tests.resilience.conftest import SEED
from tests.resilience.trials import Trial

__all__ = ["serve", "weather"]

PARAMETERS = {
    "/api/weather": ["station_id", "date", "start_date", "end_date", "format", "page", "per_page", "cursor"],
    "/api/weather/stats": ["station_id", "year", "start_year", "end_year", "format", "page", "per_page", "cursor"],
    "/api/stations": ["include_empty", "format", "page", "per_page", "cursor"],
    "/api/stations/USC00100001": ["unknown"],
    "/api/ingestions": ["status", "page", "per_page", "cursor"],
    "/api/ingestions/1": ["unknown"],
    "/api/ingestions/1/files": ["status", "page", "per_page", "cursor"],
    "/api/ingestions/2/files/3/rejected-lines": ["page", "per_page", "cursor"],
    "/health/ready": ["unknown"],
}
PATHS = ["/api/stations/{}", "/api/ingestions/{}", "/api/ingestions/1/files/{}/rejected-lines", "/docs/{}", "/{}"]


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    return serve(WINDSOCK_API_WORKERS="1", WINDSOCK_API_KEEPALIVE="1")


@pytest.fixture
def unchanged(weather: Database) -> Iterator[None]:
    """Nothing in the database is another afterwards."""
    tables = ["station", "observation", "yearly_statistics", "ingestion", "source_file", "rejected_line"]

    def content() -> list[object]:
        query = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t)) FROM {} AS t"
        return [weather.rows(query.format(table)) for table in tables]

    before = content()
    yield
    assert content() == before


def judge(status: int, headers: http.client.HTTPMessage, body: bytes, asked: object) -> bool:
    """An answer, or (True) a refusal in words; never a fault of the server."""
    assert 200 <= status < 500, (asked, status, body)
    assert "X-Injected" not in headers, asked
    if status < 400:
        return False
    assert headers.get_content_type() == MIMETYPE, (asked, status, headers.items())
    document = json.loads(body)
    assert (document["status"], bool(document["title"])) == (status, True), asked
    return True


def check_log(served: Served, requests: int) -> None:
    """A line for each request (one that the server's parser refuses has its own), each a JSON object, none forged."""

    def refused() -> int:
        return sum(line["message"].startswith("Invalid request from") for line in served.logged())

    wait_until(lambda: len(_access(served)) + refused() >= requests, f"{requests} requests are in the log")
    assert len(_access(served)) <= requests
    assert not set(served.log.read_bytes()) & (set(range(32)) - {ord("\n")})
    for line in served.logged():
        assert line["message"] != "forged"
        assert line["level"] in {"INFO", "WARNING"}, line


def _access(served: Served) -> list[dict[str, Any]]:
    return [line for line in served.logged() if line["logger"] == "windsock.access" and line["path"] != "/health/live"]


@pytest.mark.usefixtures("unchanged")
def test_no_text_in_a_parameter_or_a_path_is_more_than_a_text(
    served: Served, trial: Trial, chance: random.Random, full: bool
) -> None:
    texts = [text.encode("utf-8", "surrogatepass") for text in attacks.TEXTS]
    cursors = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in attacks.CURSORS]
    targets = [
        f"{path}?{urlencode({name: text})}"
        for path, names in PARAMETERS.items()
        for name in names
        for text in (*texts, *(cursors if name == "cursor" else ()))
    ]
    targets += [f"{path}?{urlencode({text: 'a'})}" for path in PARAMETERS for text in texts[:20]]
    targets += [path.format(quote(text, safe="")) for path in PATHS for text in texts]
    if not full:
        must = [one for one in targets if "cursor=W" in one]
        targets = must + chance.sample(targets, 300)
    refused = 0
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    for target in targets:
        connection.request("GET", target)
        response = connection.getresponse()
        body = response.read()
        refused += judge(response.status, response.headers, body, target)
        assert b"rolpassword" not in body or response.status >= 400
    connection.close()
    check_log(served, len(targets))
    trial.what = "SQL, scripts, line ends, NULs, huge numbers in each parameter, path and cursor"
    trial.times, trial.seen = len(targets), f"{refused:,} refused, no 5xx, data as before, a log line each"


def test_headers_cannot_forge_a_line_of_the_log_or_a_header(served: Served, trial: Trial) -> None:
    texts = [one.replace("\r\n", " ").replace("\0", "") for one in attacks.TEXTS]
    names = ["User-Agent", "X-Request-ID", "Accept", "If-None-Match", "If-Modified-Since", "Origin", "X-Forwarded-For"]
    names += ["Host", "Referer", "Range", "Accept-Encoding", "traceparent", "Authorization", "Cookie"]
    asked = 0
    for name in names:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as connection:
            for text in texts:
                connection.putrequest("GET", "/api/weather?per_page=1", skip_host=name == "Host")
                connection.putheader(name, text.encode("utf-8", "surrogatepass"))
                connection.endheaders()
                response = connection.getresponse()
                judge(response.status, response.headers, response.read(), (name, text))
                asked += 1
                if response.will_close:
                    connection.close()
    check_log(served, asked)
    trial.what, trial.times = "line ends, escape sequences, forged JSON in each header", asked
    trial.seen = "a log line each, none forged"


def answers(served: Served, request: bytes) -> list[tuple[int, http.client.HTTPMessage, bytes]]:
    """All answers that come to these bytes, sent on a connection of their own."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        with contextlib.suppress(OSError):  # it may be closed before all is sent
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        found = []
        while True:
            response = http.client.HTTPResponse(connection, method="GET")
            try:
                response.begin()
                found.append((response.status, response.headers, response.read()))
            except (OSError, http.client.HTTPException):
                return found


def test_what_is_no_proper_request_is_answered_or_refused_in_words(served: Served, trial: Trial) -> None:
    statuses: Counter[int] = Counter()
    for what, request in attacks.REQUESTS.items():
        [(status, headers, body)] = answers(served, request)
        judge(status, headers, body, what)
        assert b"root:" not in body, what
        assert b"import" not in body, what
        statuses[status] += 1
    assert served.get("/health/ready")[0] == 200
    check_log(served, len(attacks.REQUESTS))
    trial.what, trial.times = "requests that are no proper HTTP, or close to its limits", len(attacks.REQUESTS)
    trial.seen = ", ".join(f"{number} of {status}" for status, number in sorted(statuses.items()))


def test_no_request_hides_in_another(served: Served, trial: Trial) -> None:
    for what, request in attacks.SMUGGLED.items():
        found = answers(served, request)
        # Once, or once more where the body that nobody asked for turns out to be none; then the connection is closed.
        assert len(found) in (1, 2), (what, found)
        assert all(judge(*each, what) for each in found), (what, found)
    assert served.get("/health/live")[0] == 200
    assert "/health/ready" not in {line["path"] for line in _access(served)}
    trial.what, trial.times = "requests that hide another one", len(attacks.SMUGGLED)
    trial.seen = "each refused, none of the hidden answered"


def test_what_the_document_promises_holds_along_its_links(
    serve: Callable[..., Served],
    tmp_path: Path,
    trial: Trial,
    full: bool,
) -> None:
    served = serve()
    phases, examples = ("examples,coverage,fuzzing,stateful", 300) if full else ("stateful", 10)
    said = run_schemathesis(served, tmp_path, phases, examples, seed=SEED, minutes=25 if full else 4)
    assert "Stateful" in said, said
    trial.what, trial.times = "requests made up from the OpenAPI document, and along its links", len(_access(served))
    assert not any(line["status"] >= 500 for line in served.logged() if "status" in line)
