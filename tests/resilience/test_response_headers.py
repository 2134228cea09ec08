"""What browsers and proxies are told with each answer: by the API as gunicorn serves it, and by CloudFront in front."""

from __future__ import annotations

import http.client
from collections.abc import Callable

from tests.integration.api.conftest import Served, serve, weather
from tests.resilience.deployed import deployment
from tests.resilience.trials import Trial

__all__ = ["serve", "weather"]  # fixtures

Serve = Callable[..., Served]
ORIGIN = "https://example.org"
# Every kind of answer: data, CSV, errors of each sort, redirects, the page, its files, a HEAD, a preflight.
REQUESTS = [
    ("GET", "/api/weather"),
    ("GET", "/api/weather?format=csv"),
    ("GET", "/api/weather?date=tomorrow"),
    ("GET", "/api/stations/nowhere"),
    ("GET", "/nothing"),
    ("GET", "/%00%0d%0aX-Injected:1"),
    ("POST", "/api/weather"),
    ("HEAD", "/api/weather/stats"),
    ("OPTIONS", "/api/weather"),
    ("GET", "/health/ready"),
    ("GET", "/openapi.json"),
    ("GET", "/"),
    ("GET", "/docs"),
    ("GET", "/docs/swagger-ui/swagger-ui.css"),
    ("GET", "/docs/swagger-ui/../../../etc/passwd"),
]
# The policy of the page: nothing but its own files, in nobody's frame.
PAGE = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def asked(served: Served, method: str, path: str) -> http.client.HTTPMessage:
    """The headers of an answer, each as often as it was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request(method, path, headers={"Origin": ORIGIN, "Accept-Encoding": "gzip"})
    headers = connection.getresponse().headers
    connection.close()
    return headers


def policy(headers: http.client.HTTPMessage) -> dict[str, str]:
    """The one content security policy of an answer, by directive."""
    (text,) = headers.get_all("Content-Security-Policy", [])
    return dict(directive.strip().partition(" ")[::2] for directive in text.split(";"))


def test_every_answer_says_what_browsers_may_do_with_it(serve: Serve, trial: Trial) -> None:
    trial.what = "every kind of answer asked for nosniff, referrer, content policy, framing, the server's version"
    served = serve()
    for method, path in REQUESTS:
        headers = asked(served, method, path)
        trial.times += 1
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"], path
        assert headers.get_all("Referrer-Policy") == ["no-referrer"], path
        assert policy(headers) == (PAGE if path == "/docs" else {"default-src": "'none'", "frame-ancestors": "'none'"})
        assert headers.get_all("Server", []) in ([], ["gunicorn"]), "a version tells which holes to try"
        for name in ("X-Powered-By", "Via", "X-Injected", "Set-Cookie"):
            assert name not in headers, path


def test_pages_of_any_site_may_read_and_nothing_else(serve: Serve, trial: Trial) -> None:
    trial.what = "answers, errors and preflights asked for what pages of other sites may do"
    served = serve()
    for method, path in REQUESTS:
        trial.times += 1
        check_sharing(asked(served, method, path), method)


def check_sharing(headers: http.client.HTTPMessage, method: str) -> None:
    """Any site may read, as docs/api.md says, and may do nothing else."""
    # With "*" browsers send neither cookies nor passwords along, so this opens nothing that is not open to all.
    assert headers.get_all("Access-Control-Allow-Origin") == ["*"]
    assert "Access-Control-Allow-Credentials" not in headers
    exposed = set(headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed == {"ETag", "Link", "Retry-After", "X-Total-Count", "X-Request-ID"}
    if method == "OPTIONS":
        assert set(headers["Access-Control-Allow-Methods"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
        allowed = set(headers["Access-Control-Allow-Headers"].split(", "))
        assert allowed == {"Accept", "If-None-Match", "If-Modified-Since", "X-Request-ID"}


def test_the_edge_has_browsers_come_back_by_tls_only() -> None:
    edge = deployment().stacks["edge"]["Resources"]
    properties = deployment().resolved("edge", edge["ResponseHeadersPolicy"]["Properties"])[
        "ResponseHeadersPolicyConfig"
    ]
    security = properties["SecurityHeadersConfig"]
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000  # a year, as preload lists want
    assert security["StrictTransportSecurity"]["Override"] is True
    assert "ContentTypeOptions" in security
    assert {"Header": "Server"} in properties["RemoveHeadersConfig"]["Items"]


def test_every_behaviour_of_the_edge_has_those_headers_and_nothing_plain() -> None:
    edge = deployment().stacks["edge"]["Resources"]
    distribution = edge["Distribution"]["Properties"]["DistributionConfig"]
    for behaviour in [distribution["DefaultCacheBehavior"], *distribution.get("CacheBehaviors", [])]:
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": "ResponseHeadersPolicy"}
        assert behaviour["ViewerProtocolPolicy"] in {"redirect-to-https", "https-only"}
        assert set(behaviour["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS"}
