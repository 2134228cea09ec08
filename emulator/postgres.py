"""The containers behind RDS: PostgreSQL with TLS that a client can check, from its container or from this machine."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker import errors
from ministack.services import rds

from emulator import addresses
from emulator.settings import LABEL, folder, port

_TLS_FOLDER = "/ministack-rds-tls"
_INITDB = "--encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8"
_ACCESS = "local all all trust\nhostssl all all all scram-sha-256\n"
"""Who may log in how. Without TLS nobody from outside: RDS has `rds.force_ssl` on from PostgreSQL 15."""

_failures: dict[str, str] = {}
"""Why no container could be started, by the container's name."""


class PostgresError(Exception):
    """A server cannot be started, or refused a statement; the message says why."""


def install() -> None:
    """Repair what MiniStack starts for RDS; leave the authority's certificate where clients read it."""
    rds._docker_image_for_engine = _image
    rds._run_rds_container = _run
    _name = rds._rds_docker_name
    # Two emulators of one machine would else give their containers the same name, and one delete the other's.
    rds._rds_docker_name = lambda *arguments: f"{_name(*arguments)}-{port()}"
    (folder() / "ca.pem").write_text(rds.pg_ca_cert_pem(), encoding="ascii")


def why_not_started(identifier: str) -> str:
    """Why a server has no container, in a sentence."""
    return _failures.get(rds._rds_docker_name(identifier), "Docker does not answer")


def fetch_image(version: str) -> None:
    """Pull the image of a server's version, if it is not here.

    Raises:
        PostgresError: It cannot be had; without it there is no server.
    """
    image = _image("postgres", version, "", "", "")[0]
    docker = rds._get_docker()
    if docker is None:
        raise PostgresError("Docker does not answer, and without a container there is no server")
    try:
        docker.images.get(image)
    except errors.ImageNotFound:
        try:
            docker.images.pull(image)
        except errors.DockerException as error:
            raise PostgresError(f"The image {image} is not here and cannot be pulled: {error}") from error


def ended(instance: Mapping[str, Any]) -> str | None:
    """The last that a server wrote, when its container runs no more."""
    container = rds._get_docker().containers.get(instance["_docker_container_id"])
    if container.status in ("created", "running"):
        return None
    return str(container.logs(tail=3).decode(errors="replace")).strip()


def execute(instance: Mapping[str, Any], statements: str) -> None:
    """Run SQL as the master user, inside the server's container.

    Raises:
        PostgresError: A statement failed.
    """
    _psql(instance, io.BytesIO(statements.encode()), stop=True)


def dump(instance: Mapping[str, Any], path: Path) -> None:
    """Write all databases and roles of a server into a file, compressed.

    Raises:
        PostgresError: The server does not answer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["docker", "exec", "--user", "postgres", instance["_docker_container_id"]]
    command += ["pg_dumpall", "--username", instance["MasterUsername"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        with gzip.open(path, "wb", compresslevel=1) as written:
            while block := process.stdout.read(1 << 20):
                written.write(block)
        said = process.stderr.read().decode(errors="replace")
    if process.returncode:
        path.unlink()
        raise PostgresError(f"The server {instance['DBInstanceIdentifier']} cannot be read: {said.strip()}")


def load(instance: Mapping[str, Any], path: Path) -> None:
    """Put what `dump` wrote into a new server. That its master user is there already is no error."""
    with gzip.open(path, "rb") as written:
        _psql(instance, written, stop=False)


def _psql(instance: Mapping[str, Any], statements: Any, *, stop: bool) -> None:
    command = ["docker", "exec", "--interactive", "--user", "postgres", instance["_docker_container_id"], "psql"]
    command += ["--username", instance["MasterUsername"], "--dbname", "postgres", "--quiet", "--no-psqlrc"]
    command += ["--set", f"ON_ERROR_STOP={int(stop)}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        while block := statements.read(1 << 20):
            process.stdin.write(block)
        process.stdin.close()
        said = process.stderr.read().decode(errors="replace")
    if process.returncode:
        raise PostgresError(f"The server {instance['DBInstanceIdentifier']} refused: {said.strip()}")


def _image(_engine: str, version: str, user: str, password: str, database: str) -> tuple[str, dict[str, str], int, str]:
    """The image of Compose, where MiniStack has Alpine's; with UTF-8, which RDS has."""
    environment = {
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": password,
        "POSTGRES_DB": database or "postgres",
        "POSTGRES_INITDB_ARGS": _INITDB,
    }
    major = int(version.split(".", maxsplit=1)[0])
    data = "/var/lib/postgresql" if major >= 18 else "/var/lib/postgresql/data"  # where the image has its volume
    return f"postgres:{major}-trixie", environment, 5432, data


def _run(docker: Any, _engine: str, options: dict[str, Any], tls_names: Any = (), tls_ips: Any = ()) -> Any:  # noqa: ARG001 - MiniStack's names
    """Start a server whose certificate is for the addresses that it gets.

    The address of its name is what clients are told, and `verify-full` compares it with the certificate; its own is
    known only when the container runs. So the server waits for its certificate.
    """
    name = options["name"]
    _failures.pop(name, None)
    try:
        return _started(docker, dict(options))
    except Exception as error:
        _failures[name] = str(error)  # MiniStack writes it into its log only
        raise


def _started(docker: Any, options: dict[str, Any]) -> Any:
    settings = {
        # A crash of the server loses nothing by it; that of the machine ends the rehearsal.
        "fsync": "off",
        "ssl": "on",
        "ssl_cert_file": f"{_TLS_FOLDER}/server.crt",
        "ssl_key_file": f"{_TLS_FOLDER}/server.key",
        "hba_file": f"{_TLS_FOLDER}/pg_hba.conf",
        "timezone": "UTC",
    }
    command = list(options.get("command") or ["postgres"])
    for key, value in settings.items():
        command += ["-c", f"{key}={value}"]
    wait = (
        f"until [ -s {_TLS_FOLDER}/server.key ]; do sleep 0.05; done; "
        f'chown -R postgres:postgres {_TLS_FOLDER} && exec docker-entrypoint.sh "$@"'
    )
    # Nothing of it is published on this machine's own addresses.
    options |= {"user": "0:0", "entrypoint": ["sh", "-c", wait, "server"], "command": command, "ports": None}
    options["labels"] = {**options.get("labels", {}), LABEL: str(port())}
    # The data are in the image's own volume, which outlives a crash; MiniStack's would be gone with it.
    options.pop("tmpfs", None)
    # RDS shows nobody its owner's password: nor does what Docker tells of the container.
    environment = dict(options["environment"])
    password = environment.pop("POSTGRES_PASSWORD")
    options["environment"] = {**environment, "POSTGRES_PASSWORD_FILE": f"{_TLS_FOLDER}/password"}
    container = docker.containers.create(**options)
    try:
        container.start()
        container.reload()
        identifier, own = options["labels"]["db_id"], _own_address(container)
        _certify(container, [addresses.of(identifier), own], {"password": password})
        addresses.lead(identifier, own)
    except Exception:
        container.remove(force=True, v=True)
        raise
    return container


def start_again(instance: Mapping[str, Any]) -> None:
    """Start a server that has ended, with its data; its address leads to it again."""
    container = rds._get_docker().containers.get(instance["_docker_container_id"])
    container.start()
    container.reload()
    addresses.lead(instance["DBInstanceIdentifier"], _own_address(container))


def move(instance: Mapping[str, Any], identifier: str) -> str:
    """Give a server the address of another name, a certificate for it, and the name to its container.

    The data stay, and so does the process: what a restart ends, the open connections, is ended.

    Returns:
        The address of the new name.
    """
    container = rds._get_docker().containers.get(instance["_docker_container_id"])
    address, own = addresses.of(identifier), _own_address(container)
    addresses.lead(instance["DBInstanceIdentifier"], None)
    _certify(container, [address, own])
    container.exec_run(["chown", "-R", "postgres:postgres", _TLS_FOLDER])
    execute(
        instance,
        "SELECT pg_reload_conf(); SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid();",
    )
    container.rename(rds._rds_docker_name(identifier))
    addresses.lead(identifier, own)
    return address


def _own_address(container: Any) -> str:
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    return next(str(network["IPAddress"]) for network in networks if network["IPAddress"])


def _certify(container: Any, its_addresses: list[str], more: Mapping[str, str] | None = None) -> None:
    certificate, key = rds._pg_server_material(["localhost"], [*its_addresses, "127.0.0.1"])
    files = {"pg_hba.conf": _ACCESS, **(more or {})}
    if not container.put_archive("/", _with_files(rds._pg_tls_archive(certificate, key), files)):
        raise PostgresError("Docker refused the certificate of the server")


def _with_files(archive: bytes, files: Mapping[str, str]) -> bytes:
    """The archive of certificate and key, with other files put first: the server waits for the key."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as before, tarfile.open(fileobj=made, mode="w") as after:
        members = before.getmembers()
        after.addfile(members[0])
        for name, text in files.items():
            file = tarfile.TarInfo(f"{_TLS_FOLDER.lstrip('/')}/{name}")
            file.mode, file.size = 0o600, len(text.encode())
            after.addfile(file, io.BytesIO(text.encode()))
        for member in members[1:]:
            after.addfile(member, before.extractfile(member))
    return made.getvalue()
