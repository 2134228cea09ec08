"""Run in a container beside the API: asks it without a pause until it refuses connections, and says what happened.

Half of the threads keep their connections, half make a new one for each request. Printed as JSON: how many requests
were answered, and for each that broke, how. A refused connection is no broken request: nothing was sent.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time

END = time.monotonic() + 60
answered: list[int] = []
broken: list[str] = []


def ask(keep: bool) -> None:
    """Ask until refused."""
    connection = None
    while time.monotonic() < END:
        if connection is None:
            connection = http.client.HTTPConnection("api", 8000, timeout=20)
            try:
                connection.connect()
            except OSError:
                return
            since, number = time.monotonic(), 0
        try:
            connection.request("GET", "/api/weather?per_page=100")
            answer = connection.getresponse()
            answer.read()
            answered.append(answer.status)
            number += 1
            closed = answer.will_close
        except (OSError, http.client.HTTPException) as error:
            broken.append(f"request {number} of a connection, after {time.monotonic() - since:.2f} s: {error!r}")
            closed = True
        if closed or not keep:
            connection.close()
            connection = None


threads = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
json.dump({"answered": len(answered), "statuses": sorted(set(answered)), "broken": broken}, sys.stdout)
