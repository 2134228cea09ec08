"""`ansible-playbook site.yml -i inventory/compose`: up, up again with nothing changed, down."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.compose.stack import Stack, run
from tests.acceptance.figures import Figures
from tests.acceptance.playbook import play

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


class Playbooks:
    """The playbooks for a stack of the test's own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.variables = {"stack_name": stack.project, "api_port": str(stack.port)}

    def play(self, playbook: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook and give what it printed, whether it failed or not."""
        extra = [f"--extra-vars={name}={value}" for name, value in {**self.variables, **variables}.items()]
        return play(playbook, "compose", *extra, *options)


def changed(result: subprocess.CompletedProcess[str]) -> int:
    """How many tasks have changed something, of a run that ended well."""
    assert result.returncode == 0, result.stdout + result.stderr
    (count,) = re.findall(r"changed=(\d+)", result.stdout)
    return int(count)


@pytest.fixture(scope="module")
def playbooks(docker: None) -> Iterator[Playbooks]:  # noqa: ARG001 - used by the playbooks
    stack = Stack()
    yield Playbooks(stack)
    stack.remove()


@pytest.fixture(scope="module")
def up(playbooks: Playbooks, wx_data: Path) -> str:
    """What site.yml has printed, with the real station files as source."""
    result = playbooks.play("site.yml", weather_source=str(wx_data))
    assert changed(result) > 0
    return result.stdout


class TestFigures(Figures):
    @pytest.fixture
    def base_url(self, playbooks: Playbooks, up: str) -> str:
        assert "Swagger UI" in up
        return playbooks.stack.base_url


@pytest.mark.usefixtures("up")
def test_again_changes_nothing(playbooks: Playbooks, wx_data: Path) -> None:
    assert changed(playbooks.play("site.yml", "--check", weather_source=str(wx_data))) == 0
    assert changed(playbooks.play("site.yml", weather_source=str(wx_data))) == 0


@pytest.mark.usefixtures("up")
def test_a_new_file_is_loaded_at_once(playbooks: Playbooks, tmp_path: Path) -> None:
    (tmp_path / "USC00999999.txt").write_text("20200101\t   10\t  -10\t    0\n")
    result = playbooks.play("site.yml", weather_source=str(tmp_path))
    assert changed(result) == 2  # the file is uploaded, the worker looks at it
    assert "1 files, 0 that cannot be loaded" in result.stdout


@pytest.mark.usefixtures("up")
def test_a_folder_is_uploaded_and_loaded_at_once(playbooks: Playbooks, tmp_path: Path) -> None:
    (tmp_path / "USC00888888.txt").write_text("20200101\t   10\t  -10\t    0\nnonsense\n")
    result = playbooks.play("playbooks/ingest.yml", upload=str(tmp_path))
    assert changed(result) == 2  # the file is uploaded, and loaded
    assert "1 files loaded" in result.stdout
    assert "1 days new, 0 revised, 1 lines rejected" in result.stdout
    assert changed(playbooks.play("playbooks/ingest.yml", upload=str(tmp_path))) == 0
    refused = playbooks.play("playbooks/ingest.yml", upload=str(tmp_path / "none"))
    assert refused.returncode != 0
    assert "there is no such folder" in refused.stdout + refused.stderr


@pytest.mark.usefixtures("up")
def test_its_state_fits_on_one_screen(playbooks: Playbooks) -> None:
    result = playbooks.play("playbooks/status.yml")
    assert changed(result) == 0
    for said in (
        "api: Up",
        "db: Up",
        "worker: Up",
        "days of 16",
        "Answers      ready, version",
        "Last pass    succeeded",
    ):
        assert said in result.stdout
    assert f"Address      {playbooks.stack.base_url}" in result.stdout


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"weather_source": "/no/such/folder"}, "There is no file in /no/such/folder"),
        ({"weather_source": "s3://"}, "s3:// is not an address of S3"),
        ({"api_port": "0"}, "api_port is 0: it must be a number from 1 to 65535"),
        ({"schedule": "every day"}, "WINDSOCK_SCHEDULE is malformed"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_started(
    playbooks: Playbooks, variables: dict[str, str], reason: str
) -> None:
    label = f"label=com.docker.compose.project={playbooks.stack.project}"
    before = run("docker", "ps", "--all", "--quiet", "--filter", label).stdout
    result = playbooks.play("site.yml", **variables)
    assert result.returncode != 0
    assert reason in result.stdout + result.stderr
    assert run("docker", "ps", "--all", "--quiet", "--filter", label).stdout == before


def test_down_stops_it_and_purge_removes_its_data(playbooks: Playbooks, up: str) -> None:  # noqa: ARG001 - stopped here
    label = f"label=com.docker.compose.project={playbooks.stack.project}"
    assert changed(playbooks.play("playbooks/down.yml")) == 1
    assert not run("docker", "ps", "--all", "--quiet", "--filter", label).stdout
    assert run("docker", "volume", "ls", "--quiet", "--filter", label).stdout
    assert changed(playbooks.play("playbooks/down.yml", purge="true")) == 1
    assert not run("docker", "volume", "ls", "--quiet", "--filter", label).stdout
    assert changed(playbooks.play("playbooks/down.yml")) == 0
