"""gunicorn's configuration, from the API's settings: gunicorn --config app/gunicorn.conf.py "app:create_app()"."""

import gc
import socket
import sys
from pathlib import Path

from app import refusals
from app.settings import ApiSettings
from runtime.environment import SettingsError, load

try:
    _settings = load(ApiSettings).server
except SettingsError as error:
    sys.exit(f"The API cannot start.\n{error}")

bind = [_settings.bind]
workers = _settings.workers
worker_class = "app.server.DrainingWorker"
threads = _settings.threads
keepalive = _settings.keepalive_s
graceful_timeout = _settings.graceful_timeout_s
# Each process listens for itself: with one common socket, kept-alive connections can all end up in one process.
reuse_port = True
# The workers' heartbeat must never wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder in memory, made for this
logger_class = "app.access_log.StructuredLogger"
forwarded_allow_ips = ""  # no answer depends on who asked, or by which scheme: nobody has to be trusted with it
control_socket_disable = True  # nothing is to be changed in a process that runs


def on_starting(server):
    """Stop at once when the address cannot be listened on: the processes would be started again and again."""
    family, address = (socket.AF_INET6 if ":" in server.address[0][0] else socket.AF_INET), server.address[0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            sys.exit(f"The API cannot listen on {_settings.bind} (WINDSOCK_API_BIND): {error.strerror}")
    server.log.info("answering on %s", _settings.bind)


def pre_request(worker, req):
    """Nothing: gunicorn's own writes a line for its log of faults, for each request, and then throws it away."""


def post_worker_init(worker):
    """What a process does before its first request: set its garbage, its patience and its refusals in order."""
    # What was imported stays: looking through it for garbage, again and again, was a fifth of a page's time.
    gc.collect()
    gc.freeze()
    # Nor is it looked for before a few of the largest pages have come together: rows are in no circles.
    gc.set_threshold(10_000)
    worker.stalled_timeout_s = _settings.stalled_timeout_s
    refusals.register()
