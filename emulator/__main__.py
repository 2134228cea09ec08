"""`python -m emulator start`, `status`, `stop`: the emulated AWS as a process of this machine, and its containers."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PYTHON = PROJECT / ".tools" / "emulator" / "bin" / "python"
LABEL = "org.windsock.rehearsal"  # as in emulator.settings, which needs the server's environment
ACCOUNT = "123456789012"
IMAGES = ("postgres:17-trixie", "python:3.13-slim-trixie")
START_WAIT_S = 60.0


class EmulatorError(Exception):
    """It cannot be started; the message says why and what to do."""


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m emulator", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=["start", "status", "stop", "fire"])
    parser.add_argument(
        "name", nargs="?", default="", help="fire: the schedule that is to do now what it does when due"
    )
    parser.add_argument("--port", type=int, default=4566, help="of 127.0.0.1, for all of AWS (4566)")
    parser.add_argument("--folder", type=Path, default=PROJECT / ".rehearsal", help="for its log and its certificate")
    parser.add_argument("--minute", type=float, default=60.0, help="how many seconds a minute of a release has (60)")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    try:
        if arguments.command == "start":
            start(arguments.port, folder, arguments.minute)
            sys.stdout.write(
                f"The emulated AWS answers at http://127.0.0.1:{arguments.port}; its log is {folder}/log\n"
            )
        elif arguments.command == "status":
            sys.stdout.write(status(folder))
        elif arguments.command == "fire":
            sys.stdout.write(fire(folder, arguments.name))
        else:
            stop(folder)
    except EmulatorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def start(port: int, folder: Path, minute_s: float = 60.0) -> None:
    """Start the server and wait until it answers.

    Args:
        port: Of 127.0.0.1.
        folder: Its own; `ca.pem`, the authority of the databases' certificates, is put there.
        minute_s: How many seconds a minute of a template has.

    Raises:
        EmulatorError: Something that it needs is missing, or it does not answer.
    """
    _check_docker()
    folder.mkdir(parents=True, exist_ok=True)
    if _pid(folder):
        raise EmulatorError(f"One is running already from {folder}: stop it with `python -m emulator stop`.")
    for wanted in (port, port + 1):
        if _is_taken(wanted):
            raise EmulatorError(
                f"Port {wanted} of 127.0.0.1 is taken, and the emulator needs {port} and {port + 1}: stop what has it, "
                f"or give another --port."
            )
    if subprocess.run(["sh", "requirements/tool.sh", "emulator"], cwd=PROJECT, check=False).returncode:
        raise EmulatorError("The emulator's packages could not be installed; see above.")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environment |= {
        "GATEWAY_PORT": str(port),
        "EMULATOR_PUBLIC_PORT": str(port + 1),
        "EMULATOR_FOLDER": str(folder),
        "EMULATOR_MINUTE_SECONDS": str(minute_s),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": "us-east-1",
        "IOT_MTLS_ENABLED": "0",
        "BIND_HOST": "127.0.0.1",
        "DOCKER_NETWORK": "bridge",
        "PYTHONPATH": str(PROJECT),
    }
    with (folder / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [PYTHON, "-m", "emulator.server"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (folder / "pid").write_text(f"{process.pid} {port}\n", encoding="ascii")
    until = time.monotonic() + START_WAIT_S
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > until:
            end = "\n".join((folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
            stop(folder)
            raise EmulatorError(f"The emulator does not answer. The end of its log:\n{end}")
        time.sleep(0.2)


def status(folder: Path) -> str:
    """What runs, and what of the deployment is only written down, as text."""
    found = _pid(folder)
    if not found:
        return f"No emulator runs from {folder}.\n"
    pid, port = found
    lines = [f"The emulated AWS answers at http://127.0.0.1:{port} (process {pid}); its log is {folder}/log"]
    lines += [f"  container {line}" for line in _containers(port, "{{.Names}} {{.Image}} {{.Status}}")]
    lines += ["Only written down, and so not proved:"]
    lines += [f"  {entry['kind']:<45} {entry['not_proved']}" for entry in recorded(folder)]
    return "\n".join(lines) + "\n"


def fire(folder: Path, name: str) -> str:
    """Let a schedule do now what it does when it is due, and say what became of it, as text.

    Args:
        folder: The emulator's.
        name: The schedule's, or `<group>/<name>`.

    Raises:
        EmulatorError: No emulator runs, there is no such schedule, or it may not call its target.
    """
    found = _pid(folder)
    if not found:
        raise EmulatorError(f"No emulator runs from {folder}: start it with `python -m emulator start`.")
    group, _, short = name.rpartition("/")
    query = urllib.parse.urlencode({"group": group or "default", "name": short})
    request = urllib.request.Request(f"http://127.0.0.1:{found[1]}/_emulator/fire?{query}", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - http
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise EmulatorError(json.load(error)["error"]) from error
    if answer["refused"]:
        raise EmulatorError(f"The schedule {name} called nothing: {answer['refused']}")
    return f"The schedule {name} called its target: execution {answer['execution']}\n"


def recorded(folder: Path) -> list[dict[str, str]]:
    """The resource types that were only written down in this run: `kind`, `not_proved` and `count`."""
    path = folder / "recorded.json"
    found: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


def stop(folder: Path) -> None:
    """End the server and remove the containers that it started. Nothing is done where none runs."""
    found = _pid(folder)
    path = folder / "pid"
    port = found[1] if found else _port(path)
    if found:
        os.killpg(found[0], signal.SIGTERM)
        until = time.monotonic() + 10
        while _pid(folder) and time.monotonic() < until:
            time.sleep(0.1)
        if _pid(folder):
            os.killpg(found[0], signal.SIGKILL)
    if port and (containers := _containers(port, "{{.ID}}")):
        subprocess.run(["docker", "rm", "--force", "--volumes", *containers], check=False, stdout=subprocess.DEVNULL)
    if port and (volumes := _labelled(port, "volume", "ls", "--quiet")):
        subprocess.run(["docker", "volume", "rm", "--force", *volumes], check=False, stdout=subprocess.DEVNULL)
    path.unlink(missing_ok=True)


def _check_docker() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        raise EmulatorError("Docker does not answer, and without containers nothing would run: install it or start it.")
    for image in IMAGES:
        if subprocess.run(["docker", "image", "inspect", image], check=False, capture_output=True).returncode == 0:
            continue
        pulled = subprocess.run(["docker", "pull", "--quiet", image], check=False, capture_output=True, text=True)
        if pulled.returncode:
            raise EmulatorError(f"The image {image} is not here and cannot be pulled: {pulled.stderr.strip()}")


def _port(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").split()[1])
    except (FileNotFoundError, ValueError, IndexError):
        return None


def _pid(folder: Path) -> tuple[int, int] | None:
    """The server's process id and port, when it lives. A process id that another program was given is not it."""
    try:
        pid, port = (int(word) for word in (folder / "pid").read_text(encoding="ascii").split())
    except (FileNotFoundError, ValueError):
        return None
    return (pid, port) if "emulator.server" in _command(pid) else None


def _command(pid: int) -> str:
    """The command line of a process; nothing when there is none of that id."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    asked = ["ps", "-o", "command=", "-p", str(pid)]  # without /proc, as on macOS
    return subprocess.run(asked, check=False, capture_output=True, text=True).stdout


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was used a moment ago is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _containers(port: int, form: str) -> list[str]:
    return _labelled(port, "ps", "--all", "--format", form)


def _labelled(port: int, *command: str) -> list[str]:
    """What a command of Docker lists of the emulator at this port."""
    listed = subprocess.run(
        ["docker", *command, "--filter", f"label={LABEL}={port}"], check=False, capture_output=True, text=True
    )
    return listed.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
