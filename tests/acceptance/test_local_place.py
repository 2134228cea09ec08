"""The place `local` as a user has it: `make up` in a copy of the project, with real programs and real errors."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.figures import Figures
from tests.acceptance.place import Place, Run, copy_of_the_project
from tests.conftest import wait_until
from worker.sample import write_sample

# What is hard about a folder: too long for a Unix socket, and characters that mean something to a shell, to make or to
# the supervisor's configuration.
HARD_NAME = "a folder; with # and 'quotes', ü, " + 20 * "long "
STATIONS, FIRST_YEAR, LAST_YEAR = 2, 2001, 2002
DAYS_AT_LEAST = 1000  # generated weather has gaps
TEST_USER = "windsock-test"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not under pytest's own folder: another user has to enter it.
    made = Path(tempfile.mkdtemp(prefix="windsock-place-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    """A user's folder with station files, two directories away from the project's copy."""
    weather = folder / "weather files, ü"
    write_sample(weather, stations=STATIONS, first_year=FIRST_YEAR, last_year=LAST_YEAR)
    shutil.rmtree(weather / "_windsock")  # what says that it is generated
    return weather


@pytest.fixture(scope="module")
def place(folder: Path) -> Iterator[Place]:
    place = copy_of_the_project(folder / HARD_NAME.strip() / "windsock")
    yield place
    place.make("down", "PURGE=1")


@pytest.fixture(scope="module")
def first(place: Place, source: Path) -> Run:
    """The first `make up` of all, after `--check --diff` in the fresh copy."""
    checked = place.make("up", f"SOURCE={source}", check=True)
    assert checked.status == 0, checked.output
    assert not place.state.exists()
    run = place.make("up", f"SOURCE={source}")
    assert run.status == 0, run.output
    return run


def test_the_first_run_ends_with_what_to_use_next(first: Run, place: Place, source: Path) -> None:
    box = first.box()
    for said in (
        f"http://127.0.0.1:{place.api_port}/docs",
        f"http://127.0.0.1:{place.api_port}/api/weather",
        str(place.state / "logs"),
        str(source),
        f"{STATIONS} stations, {FIRST_YEAR} to {LAST_YEAR}",
        f"{place.total():,} days",
        "0 rejected lines",
        "06:00",
        "make down",
    ):
        assert said in box


@pytest.mark.usefixtures("first")
def test_the_data_are_there(place: Place) -> None:
    assert place.total() > DAYS_AT_LEAST
    assert place.total("/api/weather/stats?per_page=1") == STATIONS * (LAST_YEAR - FIRST_YEAR + 1)


def test_passwords_are_closed_and_never_shown(first: Run, place: Place) -> None:
    secrets = sorted((place.state / "secrets").iterdir())
    assert [secret.name for secret in secrets] == ["api", "owner", "worker"]
    for secret in secrets:
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert secret.read_text() not in first.output
        assert all(secret.read_text() not in log.read_text() for log in (place.state / "logs").iterdir())


@pytest.mark.usefixtures("first")
def test_a_second_run_changes_nothing(place: Place) -> None:
    before, running = place.total(), place.pids()
    again = place.make("up")  # and it remembers the source
    assert (again.status, again.recap("changed"), again.recap("failed")) == (0, 0, 0), again.output
    assert place.total() == before
    assert place.pids() == running
    assert "nothing new" in again.box()


@pytest.mark.usefixtures("first")
def test_its_state_fits_on_one_screen(place: Place, source: Path) -> None:
    status = place.play("playbooks/status.yml")
    assert (status.status, status.recap("changed")) == (0, 0), status.output
    for said in (
        "api running, database running, worker running",
        f"{place.total():,} days of {STATIONS} stations, {FIRST_YEAR}-",
        "Answers      ready, version",
        "Last pass    succeeded",
        f"From         {source}",
        f"Address      http://127.0.0.1:{place.api_port}",
    ):
        assert said in status.output


@pytest.mark.usefixtures("first")
def test_files_are_put_into_the_source_and_loaded_at_once(place: Place, source: Path, tmp_path: Path) -> None:
    before = place.total()
    (tmp_path / "USC00999999.txt").write_text("20200101\t   10\t  -10\t    0\nnonsense\n")
    done = place.play("playbooks/ingest.yml", upload=str(tmp_path))
    assert done.status == 0, done.output
    assert "1 files loaded" in done.output
    assert "1 days new, 0 revised, 1 lines rejected" in done.output
    assert place.total() == before + 1
    again = place.play("playbooks/ingest.yml", upload=str(tmp_path))
    assert (again.status, again.recap("changed")) == (0, 0), again.output
    refused = place.play("playbooks/ingest.yml", upload=str(tmp_path / "none"))
    assert refused.status != 0
    assert "there is no such folder" in refused.output
    # As it was for the tests that follow: what is gone from the source stays in the database.
    (source / "USC00999999.txt").unlink()


@pytest.mark.usefixtures("first")
def test_check_mode_leaves_a_running_place_alone(place: Place) -> None:
    running = place.pids()
    checked = place.make("up", settings={"api_threads": 3}, check=True)
    assert checked.status == 0, checked.output
    assert "WINDSOCK_API_THREADS=3" in checked.output
    assert place.pids() == running


@pytest.mark.usefixtures("first")
def test_a_new_file_is_loaded_by_the_next_run(place: Place, source: Path) -> None:
    before = place.total()
    (source / "ZZW99999999.txt").write_text("20010101\t  100\t   10\t    5\n20010102\t  110\t   20\t-9999\n")
    run = place.make("up")
    assert (run.status, run.recap("changed")) == (0, 1), run.output  # the load, and nothing else
    assert place.total() == before + 2


@pytest.mark.usefixtures("first")
def test_a_changed_setting_restarts_what_it_concerns(place: Place) -> None:
    before = place.pids()
    changed = place.make("up", settings={"api_threads": 3})
    assert changed.status == 0, changed.output
    after = place.pids()
    assert {name for name in before if before[name] != after[name]} == {"api"}


@pytest.mark.usefixtures("first")
def test_a_killed_supervisor_is_made_up_for(place: Place) -> None:
    before, running = place.total(), place.pids()
    os.kill(int((place.state / "supervisord.pid").read_text()), signal.SIGKILL)
    run = place.make("up")
    assert run.status == 0, run.output
    assert place.total() == before
    assert sorted(place.pids()) == ["api", "database", "worker"]
    assert not any(_runs(pid) for pid in running.values())


@pytest.mark.usefixtures("first")
def test_generated_weather_does_not_mix_with_real_weather(place: Place, source: Path) -> None:
    real = place.total()
    generated = place.make("up", "SOURCE=sample")
    assert generated.status == 0, generated.output
    assert "generated weather (not real)" in generated.box()
    assert {station["station_id"][:3] for station in place.get("/api/stations")["data"]} == {"ZZW"}
    assert place.total() != real
    assert place.make("up", f"SOURCE={source}").status == 0
    assert place.total() == real


@pytest.mark.parametrize(
    ("asked", "settings", "sentence"),
    [
        ("/no/such/folder", {}, "There is no folder /no/such/folder"),
        ("{empty}", {}, "is empty"),
        ("{file}", {}, "is not a folder that you may read"),
        ("{state}/logs", {}, "which make down PURGE=1 removes"),
        ("s3:/bucket", {}, "s3:/bucket is not an address of S3: it must be like s3://bucket/prefix"),
        ("sample", {"schedule": "6 o clock"}, "WINDSOCK_SCHEDULE is malformed"),
        ("sample", {"schedule_timezone": "Mars/Olympus"}, "WINDSOCK_SCHEDULE_TIMEZONE is malformed"),
        ("sample", {"api_port": 80_000}, "different numbers from 1 to 65535"),
        ("sample", {"state_folder": "{full}"}, "holds something that is not Windsock's"),
        ("sample", {"state_folder": "{file}/state"}, "is not a folder that you may write to"),
    ],
)
@pytest.mark.usefixtures("first")
def test_a_mistake_is_one_sentence_before_anything_is_changed(
    place: Place, tmp_path: Path, asked: str, settings: dict[str, object], sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    names = {"{empty}": "empty", "{file}": "full/letter.txt", "{full}": "full"}
    replace = {**{old: str(tmp_path / new) for old, new in names.items()}, "{state}": str(place.state)}
    for old, new in replace.items():
        asked = asked.replace(old, new)
        settings = {
            key: value.replace(old, new) if isinstance(value, str) else value for key, value in settings.items()
        }
    running = place.pids()
    run = place.make("up", f"SOURCE={asked}", settings=settings)
    assert run.status != 0
    assert sentence in run.output
    assert run.recap("changed") == 0
    assert place.pids() == running


@pytest.mark.usefixtures("first")
def test_a_taken_port_is_said_and_not_touched(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run = place.make("up", settings={"api_port": port})
        assert run.status != 0
        assert f"Port {port} is taken by " in run.output
        assert run.recap("changed") == 0
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.usefixtures("first")
def test_down_stops_all_of_it_and_nothing_else(place: Place, source: Path) -> None:
    running = place.pids()
    configuration = (place.state / "supervisord.conf").read_text()
    socket_folder = Path(re.findall(r"^file=(.*)/supervisor.sock$", configuration, re.MULTILINE)[0])
    assert socket_folder.exists()
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        down = place.make("down")
        assert (down.status, down.recap("failed")) == (0, 0), down.output
        assert not any(_runs(pid) for pid in running.values())
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    again = place.make("down")
    assert (again.status, again.recap("changed")) == (0, 0), again.output
    purged = place.make("down", "PURGE=1")
    assert purged.status == 0, purged.output
    assert not place.state.exists()
    assert not socket_folder.exists()
    assert any(source.glob("*.txt"))


@pytest.fixture(scope="module")
def base_url(place: Place, weather_data: Callable[[str], Path]) -> str:
    """The API with the real files in it, in a place that was purged just before."""
    run = place.make("up", f"SOURCE={weather_data('wx_data')}")
    assert run.status == 0, run.output
    assert "1,729,957 days of 167 stations, 1985 to 2014" in run.box()
    return f"http://127.0.0.1:{place.api_port}"


class TestTheRealFiles(Figures):
    """What every place answers with."""


def test_a_python_that_is_too_old_is_said(place: Place, tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    # What the real one would answer: it is asked for its version in this way, and then by -V.
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 || echo\n')
    old.chmod(0o755)
    run = place.make("up", f"PYTHON={old}")
    assert run.status != 0
    assert "Windsock needs Python 3.11 to 3.14" in run.output
    assert "Python 3.9.2" in run.output


@pytest.fixture(scope="module")
def ordinary_user() -> Iterator[pwd.struct_passwd]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user; the other tests run as an ordinary user already")
    if shutil.which("setpriv") is None or shutil.which("useradd") is None:
        pytest.skip("setpriv and useradd are not installed: nobody to run as")
    subprocess.run(["useradd", "--create-home", TEST_USER], check=True)
    yield pwd.getpwnam(TEST_USER)
    subprocess.run(["userdel", "--remove", TEST_USER], check=True, stderr=subprocess.DEVNULL)


def test_an_ordinary_user_has_it_too(ordinary_user: pwd.struct_passwd) -> None:
    become = ["setpriv", f"--reuid={ordinary_user.pw_uid}", f"--regid={ordinary_user.pw_gid}", "--clear-groups"]
    found = next((python for python in ("/usr/bin/python3", "/usr/local/bin/python3") if _suits(become, python)), None)
    if found is None:
        pytest.skip("no Python from 3.11 to 3.14 that every user may run")
    copy = copy_of_the_project(Path(ordinary_user.pw_dir) / "windsock")
    subprocess.run(["chown", "-R", TEST_USER, str(copy.folder)], check=True)
    environment = {"HOME": ordinary_user.pw_dir, "USER": TEST_USER, "PYTHON": found}
    place = Place(copy.folder, copy.api_port, copy.database_port, become, environment)
    try:
        up = place.make("up")  # without a source: generated weather
        assert up.status == 0, up.output
        assert "generated weather (not real)" in up.box()
        assert place.total() > DAYS_AT_LEAST
        assert (place.state / "database" / "sample" / "PG_VERSION").stat().st_uid == ordinary_user.pw_uid
        again = place.make("up")
        assert (again.status, again.recap("changed")) == (0, 0), again.output
    finally:
        down = place.make("down", "PURGE=1")
    assert down.status == 0, down.output
    assert not place.state.exists()
    wait_until(lambda: not _processes_of(ordinary_user.pw_uid), "nothing of the user runs any more")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _suits(become: list[str], python: str) -> bool:
    program = "import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))"
    return subprocess.run([*become, python, "-c", program], stderr=subprocess.DEVNULL, check=False).returncode == 0


def _processes_of(uid: int) -> list[Path]:
    return [process for process in Path("/proc").glob("[0-9]*") if process.exists() and process.stat().st_uid == uid]
