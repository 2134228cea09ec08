"""Real images and containers: locked down as Docker reports it and as is found from inside, and no secret anywhere."""

from __future__ import annotations

import base64
import re

import pytest

from tests.acceptance.compose.stack import Stack, run
from tests.conftest import wait_until
from tests.resilience.trials import Trial

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

OURS = ["windsock-api:dev", "windsock-worker:dev", "windsock-s3:dev"]
SERVICES = ["api", "db", "s3", "worker"]
ENDED = ["migrate", "secrets"]
# The one that is root makes the passwords, without a network, for volumes of several owners, and ends.
ROOT = {"secrets"}
PRIVATE_KEY = r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[A-Za-z0-9+/=[:space:]]{60}"
ACCESS_KEY = r"(AKIA|ASIA)[A-Z0-9]{16}"
EXAMPLE = "EXAMPLE"  # so end the keys in the documentation that botocore brings along
TRIES = {
    "write beside the tmpfs": "touch /somewhere",
    "write into the program": "touch /windsock/somewhere /usr/bin/somewhere",
    "mount": "mount -t tmpfs none /mnt",
    "unmount": "umount /proc",
    "give a file away": "touch /tmp/mine && chown 1:1 /tmp/mine",
    "make a device": "mknod /tmp/device b 8 0",
    "become root": "su -c id || sudo id",
    "read the machine's memory": "head -c 1 /dev/mem",
    "change the kernel": "echo 1 > /proc/sys/kernel/panic",
    "change the network": "ip link set lo down",
}


def inside(stack: Stack, service: str, command: str) -> int:
    return stack.compose("exec", "-T", service, "sh", "-c", command, check=False).returncode


def test_no_image_has_a_file_that_runs_as_somebody_else(images: None, trial: Trial) -> None:  # noqa: ARG001 - looked at
    trial.what = "set-uid and set-gid files searched for in each image of ours"
    found = []
    for image in OURS:
        shell = ("docker", "run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh", image, "-c")
        found += run(*shell, "find / -xdev -type f -perm /6000").stdout.split()
        trial.times += 1
    trial.lost = len(found)
    assert found == []


def test_no_image_has_a_key(images: None, trial: Trial) -> None:  # noqa: ARG001 - looked at
    trial.what = "private keys and AWS keys searched for in every file, the history and the settings of each image"
    found: list[str] = []
    for image in OURS:
        shell = ("docker", "run", "--rm", "--network", "none", "--user", "0:0", "--entrypoint", "sh", image, "-c")
        folders = "/bin /etc /home /lib /opt /root /srv /usr /var /windsock"
        keys = run(*shell, f"grep -rIzlE -e '{PRIVATE_KEY}' {folders} 2> /dev/null; true").stdout.split()
        access = run(*shell, f"grep -rIohwE -e '{ACCESS_KEY}' {folders} 2> /dev/null; true").stdout.split()
        told = run("docker", "history", "--no-trunc", image).stdout + run("docker", "image", "inspect", image).stdout
        real = [key for key in access if not key.endswith(EXAMPLE)]
        found += [*keys, *real, *re.findall(r"//[^/\s:@]+:[^/\s@]+@", told)]
        trial.times += 1
    trial.lost = len(found)
    assert found == []


@pytest.mark.parametrize("service", SERVICES + ENDED)
def test_docker_says_that_a_container_is_locked_down(stack: Stack, service: str) -> None:
    found = stack.inspect(service)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert not host["Devices"]
    assert not host["PidMode"]
    assert host["IpcMode"] == "private"
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert (found["Config"]["User"] in {"", "0", "0:0", "root"}) is (service in ROOT)
    assert "docker.sock" not in str(found["Mounts"])


@pytest.mark.parametrize("service", SERVICES)
def test_the_kernel_says_that_a_program_has_no_rights(stack: Stack, service: str) -> None:
    status = stack.compose("exec", "-T", service, "cat", "/proc/1/status").stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split() + fields["Gid"].split()
    assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {0}
    assert fields["NoNewPrivs"] == "1"
    assert fields["Seccomp"] == "2"  # Docker's filter of system calls


def test_whoever_gets_in_cannot_do_more(stack: Stack, trial: Trial) -> None:
    trial.what = "inside each container: " + ", ".join(TRIES)
    done = []
    for service in SERVICES:
        assert inside(stack, service, "touch /tmp/mine") == 0  # a command does arrive there
        for what, command in TRIES.items():
            trial.times += 1
            if inside(stack, service, command) == 0:
                done.append(f"{service}: {what}")
    trial.lost = len(done)
    assert done == []


@pytest.mark.parametrize(
    ("service", "file"),
    [("api", "/run/secrets/worker/password"), ("worker", "/run/secrets/owner/password"), ("s3", "/run/secrets/api")],
)
def test_a_program_cannot_read_the_secret_of_another(stack: Stack, service: str, file: str) -> None:
    assert stack.compose("exec", "-T", service, "cat", file, check=False).returncode != 0


@pytest.fixture
def secrets(stack: Stack) -> list[str]:
    """The passwords and keys of this very stack, in the forms in which they could be shown."""
    show = ("run", "--rm", "--no-deps", "--entrypoint", "sh", "secrets", "-c", "cat /secrets/*/*")
    plain = re.findall(r"\b[0-9a-f]{20,}\b", stack.compose(*show).stdout)
    assert len(plain) == 5  # three passwords and the two keys
    return [*plain, *(base64.b64encode(secret.encode()).decode().rstrip("=")[:-1] for secret in plain)]


@pytest.fixture
def provoked(stack: Stack) -> str:
    """The stack after every kind of failure that could show a secret; gives the answers of its API meanwhile."""
    ask = "http://127.0.0.1:8000"
    paths = ["/api/weather?date=x", "/api/weather?station_id=%00'", "/nothing", "/api/weather", "/health/ready"]
    shown = "import sys, urllib.request as r, urllib.error as e\nfor p in sys.argv[1:]:\n try: a = r.urlopen(p)\n"
    shown += " except e.HTTPError as error: a = error\n print(a.status, a.headers, a.read().decode())"
    command = ("exec", "-T", "api", "python", "-c", shown, *(ask + path for path in paths))
    password = stack.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'windsock_api'")
    answers = stack.compose(*command).stdout
    stack.sql("ALTER ROLE windsock_api PASSWORD 'another'")
    stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'windsock_api'")
    try:
        wait_until(lambda: stack.get("/health/ready").status == 503, "the API's password is wrong", 60)
        answers += stack.compose(*command).stdout
    finally:
        stack.sql(f"ALTER ROLE windsock_api PASSWORD '{password}'")
        wait_until(lambda: stack.get("/health/ready").status == 200, "the API's password is right again", 60)
    # Passes that fail: a bucket that is not there, a database that is not there, the password of somebody else.
    for wrong in (
        "WINDSOCK_SOURCE=s3://nowhere",
        "WINDSOCK_DATABASE_URL=postgresql://windsock_worker@db/nowhere",
        "WINDSOCK_DATABASE_URL=postgresql://windsock_owner@db/windsock",
    ):
        done = stack.compose("run", "--rm", "--no-deps", "-e", wrong, "worker", "ingest", check=False)
        assert done.returncode != 0, wrong
        answers += done.stdout + done.stderr
    return answers


def test_no_secret_is_shown_anywhere(stack: Stack, provoked: str, secrets: list[str], trial: Trial) -> None:
    trial.what = "the stack's own passwords and keys searched for, after failures: answers, logs, inspect, processes"
    places = {"answers and failed passes": provoked}
    for service in SERVICES + ENDED:
        container = stack.container(service)
        logs = run("docker", "logs", container)
        places[f"log of {service}"] = logs.stdout + logs.stderr
        places[f"inspect of {service}"] = run("docker", "inspect", container).stdout
        places[f"changes of {service}"] = run("docker", "diff", container).stdout
    for service in SERVICES:
        # rclone takes the keys that its clients must have from a variable or its command line, and from no file. In its
        # own variables they tell nothing to whoever may read them: that user may read the file they come from, too.
        kinds = "cmdline" if service == "s3" else "cmdline /proc/[0-9]*/environ"
        show = f"cat /proc/[0-9]*/{kinds} 2> /dev/null | tr '\\0' '\\n'"
        places[f"processes of {service}"] = stack.compose("exec", "-T", service, "sh", "-c", show, check=False).stdout
    for image in OURS:
        places[f"image {image}"] = run("docker", "image", "inspect", image).stdout
        places[f"history of {image}"] = run("docker", "history", "--no-trunc", image).stdout
    places["compose config"] = stack.compose("config").stdout
    places["ledger"] = stack.sql("SELECT * FROM ingestion") + stack.sql("SELECT * FROM source_file")
    found = [place for place, text in places.items() if any(secret in text for secret in secrets)]
    # That these are the right places: each kind of failure is in them.
    assert "password authentication failed" in places["log of db"]
    assert {"400", "404", "503"} <= set(re.findall(r"^(\d{3}) ", provoked, re.MULTILINE))
    assert "nowhere" in provoked
    assert "gunicorn" in places["processes of api"]
    trial.times, trial.lost = len(places) * len(secrets), len(found)
    trial.seen = f"{len(places)} places, {sum(map(len, places.values())) // 1000} kB"
    assert found == []
