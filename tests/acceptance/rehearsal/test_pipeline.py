"""The pipeline's stages in a container as CodeBuild has one, on the deployment of test_rehearsal.py.

CodePipeline and CodeBuild themselves are only written down by the emulator: here their buildspecs are carried out, with
the variables that the template gives, on a commit that is a commit.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.acceptance.rehearsal.rehearsal import Rehearsal, under_load
from tests.conftest import PROJECT
from tests.templates.test_buildspecs import projects, variables

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

IMAGE = "windsock-codebuild"
SOURCES = "/codebuild/output/src"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
VAULT_PASSWORD = "the vault's"
# The whole of the first stage is what these tests are a part of. Here it runs one file of tests, and what its linting
# would run is only listed.
SHORTENED = {"make lint": "make --dry-run lint"}
FEW_TESTS = "tests/unit/test_rows.py --no-cov --numprocesses=0"


@pytest.fixture(scope="module")
def image() -> None:
    """The container that stands in for CodeBuild's."""
    folder = Path(__file__).parent / "codebuild"
    subprocess.run(["docker", "build", "--quiet", "--tag", IMAGE, folder], check=True, capture_output=True)


@pytest.fixture
def commit(deployed: Rehearsal, tmp_path: Path) -> Path:
    """The copy of the project as somebody would have pushed it: with a commit of its own, and nothing else."""
    folder = tmp_path / "src"
    shutil.copytree(deployed.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(".rehearsal", ".windsock"))
    inventory = folder / "inventory/rehearsal/group_vars/all/main.yml"
    inventory.write_text(inventory.read_text().replace("emulator_port: 4566", f"emulator_port: {deployed.port}"))
    _add_vault(folder)
    person = ["-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(["git", *person, "commit", "--quiet", "--message", "As it is"], cwd=folder, check=True)
    # The authority of the emulated databases, which git ignores.
    (folder / ".rehearsal").mkdir()
    shutil.copy(deployed.folder / ".rehearsal/ca.pem", folder / ".rehearsal")
    return folder


def _add_vault(folder: Path) -> None:
    """An encrypted vault, committed although git ignores it, as vault.yml.example says."""
    vault = folder / "inventory/rehearsal/group_vars/all/vault.yml"
    vault.write_text("---\nvault_alarm_email: somebody@example.org\n", encoding="utf-8")
    subprocess.run(
        [Path(sys.executable).parent / "ansible-vault", "encrypt", vault],
        env={
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "WINDSOCK_VAULT_PASSWORD": VAULT_PASSWORD,
            "ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "cloudformation/buildspecs/vault-password"),
        },
        check=True,
        capture_output=True,
    )
    assert vault.read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT")
    subprocess.run(["git", "add", "--force", vault], cwd=folder, check=True)


def carried_out(
    folder: Path, buildspec: str, given: Mapping[str, str], **more: str
) -> subprocess.CompletedProcess[str]:
    """Carry a buildspec out: all its commands in one shell, which ends at the first that fails.

    It gets of the variables `given` those that the template sets, and Docker's socket where the template gives its
    project Docker.
    """
    path = f"cloudformation/buildspecs/{buildspec}.yml"
    spec = yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))
    commands = [SHORTENED.get(line, line) for phase in spec["phases"].values() for line in phase.get("commands", [])]
    environment = {**spec.get("env", {}).get("variables", {}), **more, "LC_ALL": "C.UTF-8"}
    environment |= {name: given[name] for name in variables(path) if name in given}
    # The packages come from where this machine has its own from.
    environment |= {name: value for name, value in os.environ.items() if name == "PIP_INDEX_URL"}
    environment |= {name: str(AUTHORITIES) for name in ("PIP_CERT", "SSL_CERT_FILE")}
    # Whoever runs the tests owns the files, and not the container's root.
    environment |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    socket = "/var/run/docker.sock"
    has_docker = projects()[path]["Environment"]["PrivilegedMode"]
    return subprocess.run(
        [
            *("docker", "run", "--rm", "--network", "host", "--workdir", SOURCES),
            *("--volume", f"{folder}:{SOURCES}", *(("--volume", f"{socket}:{socket}") if has_docker else ())),
            *("--volume", f"{os.environ.get('SSL_CERT_FILE', AUTHORITIES)}:{AUTHORITIES}:ro"),
            *(word for name, value in environment.items() for word in ("--env", f"{name}={value}")),
            *(IMAGE, "sh", "-euxc", "\n".join(commands)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("image")
def test_a_commit_goes_through_the_stages_of_the_pipeline(deployed: Rehearsal, commit: Path) -> None:
    rehearsal, before = deployed, deployed.revision()
    name = subprocess.run(["git", "rev-parse", "HEAD"], cwd=commit, check=True, capture_output=True, text=True).stdout
    described = rehearsal.place.client("cloudformation").describe_stack_resource(
        StackName="windsock-rehearsal-pipeline", LogicalResourceId="StackRole"
    )["StackResourceDetail"]
    given = {
        "WINDSOCK_PLACE": "rehearsal",
        "AWS_DEFAULT_REGION": "us-east-1",
        "WINDSOCK_STACK_ROLE": f"arn:aws:iam::123456789012:role/{described['PhysicalResourceId']}",
        "WINDSOCK_VAULT_PASSWORD": VAULT_PASSWORD,
    }
    check = carried_out(commit, "check", given, ARGS=FEW_TESTS)
    assert check.returncode == 0, check.stdout + check.stderr
    assert "ansible-lint --offline" in check.stdout
    assert re.search(r" \d+ passed in ", check.stdout), check.stdout

    images = carried_out(commit, "images", given)
    assert images.returncode == 0, images.stdout + images.stderr
    assert f":{name[:12]}\n" in images.stdout
    assert rehearsal.revision() == before

    with under_load(rehearsal.url) as load:
        release = carried_out(commit, "release", given)
        assert release.returncode == 0, release.stdout + release.stderr
    assert load.failed == []
    assert rehearsal.revision() == name[:12]
