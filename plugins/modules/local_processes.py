"""The Ansible module `local_processes`: which processes a place has started, and who else has a port."""

from __future__ import annotations

import contextlib
import errno
import re
import signal
import socket
from collections.abc import Iterable

import psutil
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: local_processes
short_description: find or end the processes that a place has started
description:
  - A process belongs to the place whose mark is in its environment; what it started belongs to the place too.
  - So they are found whoever their parent is now, and another program that was given an old process id is not.
options:
  mark:
    description: The value of the environment variable WINDSOCK_PLACE, the place's state folder.
    type: str
    required: true
  state:
    description: With C(absent) they are ended, PostgreSQL last; with C(query) they are only looked at.
    type: str
    choices: [query, absent]
    default: query
  ports:
    description: TCP ports to look at.
    type: list
    elements: int
    default: []
  address:
    description: The address of this machine that the ports are wanted on.
    type: str
    default: 127.0.0.1
  patience:
    description: Seconds that a process has to end by itself.
    type: int
    default: 60
"""

RETURN = """
processes:
  description: The place's processes as I(pid) and I(command).
  type: list
  returned: always
taken:
  description: Those of O(ports) that a process of somebody else listens on, as I(port) and I(by).
  type: list
  returned: always
"""

MARK = "WINDSOCK_PLACE"
DATABASE_SERVER = "postgres"


def processes_of(mark: str) -> list[psutil.Process]:
    """The processes whose environment has the mark, and all that they started."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        # Another user's process does not show its environment, and one that is ending has none.
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                for one in (process, *process.children(recursive=True)):
                    found[one.pid] = one
    return list(found.values())


def end(processes: Iterable[psutil.Process], signal_number: int, patience: float) -> None:
    """Ask the processes to end, and kill those that have not after `patience` seconds."""
    asked = list(processes)
    for process in asked:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal_number)
    _, alive = psutil.wait_procs(asked, timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=patience)


def end_all(processes: list[psutil.Process], patience: float) -> None:
    """End the programs, and then the database that they use."""
    servers = [process for process in processes if _name(process) == DATABASE_SERVER]
    end((process for process in processes if process not in servers), signal.SIGTERM, patience)
    parents = [process for process in servers if _parent(process) not in servers]
    end(parents, signal.SIGINT, patience)  # PostgreSQL's fast shutdown


def taken(ports: Iterable[int], address: str, ours: list[psutil.Process]) -> list[dict[str, object]]:
    """Those of the ports that cannot be listened on, and that none of our processes listens on."""
    our_ports = {port for process in ours for port in _listening(process)}
    return [
        {"port": port, "by": _listener(port)} for port in ports if port not in our_ports and not _is_free(address, port)
    ]


def _is_free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: a connection that was closed a moment ago is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _listener(port: int) -> str:
    """A program's name and process id, or that it is not known: only root sees everybody's."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    return "another program"


def _listening(process: psutil.Process) -> set[int]:
    try:
        return {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
    except psutil.AccessDenied:
        # PostgreSQL as a user of its own, and a root that may not look into other users' processes, as in a container
        # without CAP_SYS_PTRACE. Its command line anybody may read.
        return {int(port) for port in re.findall(r"--port=(\d+)", _command(process))}
    except (psutil.Error, OSError):
        return set()


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def _parent(process: psutil.Process) -> psutil.Process | None:
    try:
        return process.parent()
    except psutil.Error:
        return None


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def main() -> None:
    """Do what Ansible asks."""
    module = AnsibleModule(
        argument_spec={
            "mark": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["query", "absent"], "default": "query"},
            "ports": {"type": "list", "elements": "int", "default": []},
            "address": {"type": "str", "default": "127.0.0.1"},
            "patience": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    asked = module.params
    ours = processes_of(asked["mark"])
    described = [{"pid": process.pid, "command": _command(process)} for process in ours]
    try:
        others = taken(asked["ports"], asked["address"], ours)
    except OSError as error:
        module.fail_json(msg=f"{asked['address']} is not an address of this machine: {error.strerror}")
    ending = asked["state"] == "absent" and bool(ours)
    if ending and not module.check_mode:
        end_all(ours, asked["patience"])
    module.exit_json(changed=ending, processes=described, taken=others)


if __name__ == "__main__":
    main()
