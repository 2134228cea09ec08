"""What hostile clients send: texts for parameters, paths and headers, and whole requests that are no proper HTTP."""

from __future__ import annotations

ESC = "\x1b[2J\x1b[31mroot#\x1b]0;owned\x07"
FORGED = '"}\r\n{"level": "ERROR", "logger": "windsock.access", "message": "forged", "status": 200}'

TEXTS = [
    "' OR '1'='1",
    "'; DROP TABLE station; --",
    "1; UPDATE observation SET tmax = 0 --",
    "1) UNION SELECT rolpassword FROM pg_authid --",
    "(SELECT pg_terminate_backend(pid) FROM pg_stat_activity)",
    "'||(SELECT version())||'",
    "$$; COPY station TO PROGRAM 'touch /tmp/owned'; $$",
    "%s %(low)s %% {0} {station} ${jndi:ldap://127.0.0.1/a}",
    "\\'; --",
    "%27%20OR%201=1",
    "a\r\nX-Injected: yes\r\n\r\n<script>",
    FORGED,
    ESC,
    "a\0b",
    "\u2028\u202e\ufeff\U0001f300\udfff",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "-1",
    "9" * 400,
    "1e999",
    "NaN",
    "0x7f",
    "\uff11\uff19\uff18\uff15",
    "true",
    "[]",
    "x" * 3000,
]

CURSORS = [
    ["USC00100001", 4611686018427387904],
    ["USC00100001", 2147483648],
    ["USC00100001", "9999-12-31"],
    ["' OR 1=1 --", "1985-01-01"],
    ["USC00100001", "infinity"],
    [9223372036854775807],
    [9223372036854775808],
    [2147483648],
    ["\ud7ff\u2028"],
    [["USC00100001"], {}],
    [1.5, None],
]


def _weather(query: bytes) -> bytes:
    return b"GET /api/weather?" + query + b" HTTP/1.1\r\nHost: a\r\n\r\n"


LONG_PATH = b"GET /api/stations/" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
REQUESTS = {
    "a NUL in the path": b"GET /api/weather\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "an encoded NUL in the path": b"GET /api/stations/a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a path without end": LONG_PATH,
    "a query without end": LONG_PATH.replace(b"stations/", b"weather?x="),
    "200 headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
    "escapes that are none": b"GET /api/weather?station_id=%zz%&%u0041=%%% HTTP/1.1\r\nHost: a\r\n\r\n",
    "escapes of no UTF-8": b"GET /api/stations/%ff%c0%af%ed%a0%80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes of no UTF-8 in the path": b"GET /api/stations/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes of no UTF-8 in the query": b"GET /api/weather?station_id=\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes of no UTF-8 in a query that none is wanted of": b"GET /health/live?\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "escape sequences as they are": b"GET /\x1b[2J\x07 HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b[31m\x9b\r\n\r\n",
    "a line that goes on": b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n  X-B: c\r\n\r\n",
    "a bare line feed in a header": b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\nX-B: c\r\n\r\n",
    "a bare carriage return in a header": b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\rX-B: c\r\n\r\n",
    "a NUL in a header": b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: a\0b\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "HTTP/2 without agreement": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method that is none": b"GE\x00T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT 127.0.0.1:5432 HTTP/1.1\r\nHost: a\r\n\r\n",
    "an address of another host": b"GET http://127.0.0.2/api/weather HTTP/1.1\r\nHost: a\r\n\r\n",
    "out of the folder of the docs": b"GET /docs/swagger-ui/..%2f..%2f..%2fetc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    "out of the folder, unencoded": b"GET /docs/static/../../../app/__init__.py HTTP/1.1\r\nHost: a\r\n\r\n",
    "an expectation": b"GET / HTTP/1.1\r\nHost: a\r\nExpect: the unexpected\r\n\r\n",
    "a station of 4,000 digits": b"GET /api/ingestions/" + b"9" * 4000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "500 parameters": _weather(b"&".join(b"a%d=1" % number for number in range(500))),
    "a parameter 400 times": _weather(b"&".join([b"page=1"] * 400)),
    "a query of separators": _weather(b"&" * 3000),
    "a query of equals signs": _weather(b"=" * 3000),
    "a body for a GET": b"GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
}

HIDDEN = b"GET /health/ready?hidden HTTP/1.1\r\nHost: a\r\n\r\n"
_POST = b"POST /api/weather HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = {
    "two lengths": _POST + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "a list of lengths": _POST + b"Content-Length: 0, %d\r\n\r\n" % len(HIDDEN) + HIDDEN,
    "a length and chunks": _POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunks of another name": _POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunks twice": _POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a tabulator before chunks": _POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a negative length": _POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a length with a plus": _POST + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "a length without end": _POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + HIDDEN,
    "a chunk of no size": _POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + HIDDEN,
    "a name with an underline": _POST + b"Content_Length: 0\r\nContent-Length: 5000\r\n\r\n" + HIDDEN,
    "a header without a colon": _POST + b"Content-Length 0\r\n\r\n" + HIDDEN,
}
