"""Which ports a place's own processes have, where it may not look into all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import PROJECT, free_port

LISTEN = """
import socket, sys, time
probe = socket.create_server(("127.0.0.1", int(sys.argv[1].partition("=")[2])))
print("listening", flush=True)
time.sleep(60)
"""
LOOK = """
import sys, psutil
sys.path.insert(0, "plugins/modules")
from local_processes import taken
process, port = psutil.Process(int(sys.argv[1])), int(sys.argv[2])
try:
    process.net_connections("tcp")
except psutil.AccessDenied:
    print("not to be seen")
print(taken([port], "127.0.0.1", [process]), [each["port"] for each in taken([port], "127.0.0.1", [])] == [port])
"""


@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("setpriv"), reason="only root can start a server as another user"
)
def test_a_server_of_another_user_is_known_without_the_right_to_look_into_it() -> None:
    """PostgreSQL, where root is that of a container: it has no CAP_SYS_PTRACE there."""
    port = free_port()
    nobody = [shutil.which("setpriv") or "", "--reuid=65534", "--regid=65534", "--clear-groups"]
    # The system's own Python: the tests' may be where nobody else gets in.
    server = subprocess.Popen(
        [*nobody, "/usr/bin/env", "python3", "-c", LISTEN, f"--port={port}"], cwd="/", stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "listening\n"
        untraced = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
        looked = subprocess.run(
            [*untraced, sys.executable, "-c", LOOK, str(server.pid), str(port)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        server.kill()
        server.wait()
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout == "not to be seen\n[] True\n"
