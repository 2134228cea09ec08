"""Images: real builds by Docker, and real pushes to the emulated ECR."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path

import pytest

from deployment import images
from deployment.images import Image, ImageError, Sources
from tests.integration.emulator.conftest import Emulator

pytestmark = pytest.mark.docker

DOCKERFILE = """
FROM scratch AS certificates
COPY certificates /
FROM python:3.13-slim-trixie AS api
ARG REVISION
ENV WINDSOCK_REVISION=$REVISION
COPY --from=certificates / /windsock/certificates
FROM api AS worker
RUN echo "the reason why" >&2 && exit 7
"""


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    (tmp_path / "compose").mkdir()
    (tmp_path / "certificates").mkdir()
    (tmp_path / "compose" / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "authority.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    return Sources(tmp_path, tmp_path / "authority.pem")


@pytest.fixture
def image(emulator: Emulator) -> Image:
    name = f"repository-{uuid.uuid4().hex[:8]}"
    created = emulator.client("ecr").create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    return Image("api", created["repository"]["repositoryUri"], "0123456789ab")


def architecture() -> str:
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    return "ARM64" if machine in ("aarch64", "arm64") else "X86_64"


def test_an_image_is_built_and_pushed_once(
    emulator: Emulator, image: Image, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    said: list[str] = []
    assert images.missing(emulator.place, [image]) == [image]
    images.build(sources, image, architecture(), said.append)
    images.push(emulator.place, [image], said.append)
    assert images.missing(emulator.place, [image]) == []
    # The registry's password is nowhere.
    assert not [path for path in home.rglob("config.json") if "auth" in path.read_text()]
    assert "ministack-auth-token" not in "".join(said)


def test_an_image_carries_its_revision_and_the_certificates(image: Image, sources: Sources) -> None:
    images.build(sources, image, architecture(), list[str]().append)
    try:
        inside = subprocess.run(
            ["docker", "run", "--rm", "--entrypoint", "sh", str(image)]
            + ["-c", "echo $WINDSOCK_REVISION; cat /windsock/certificates/rds.pem"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert inside.stdout.split("\n")[:2] == ["0123456789ab", "-----BEGIN CERTIFICATE-----"]
    finally:
        subprocess.run(["docker", "image", "rm", str(image)], capture_output=True, check=False)


def test_a_build_that_fails_is_told_with_its_last_lines(image: Image, sources: Sources) -> None:
    broken = Image("worker", image.repository, image.tag)
    with pytest.raises(ImageError, match=r"(?s)image of worker cannot be built:.*the reason why"):
        images.build(sources, broken, architecture(), list[str]().append)


def test_a_push_that_fails_is_told(emulator: Emulator, image: Image) -> None:
    never_built = Image("api", image.repository, "f" * 12)
    with pytest.raises(ImageError, match=r"(?s)cannot be pushed:.*does not exist"):
        images.push(emulator.place, [never_built], list[str]().append)


def test_without_docker(image: Image, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ImageError, match="no command docker: install Docker"):
        images.build(sources, image, architecture(), list[str]().append)


def test_an_earlier_release_is_found_by_the_beginning_of_its_commit(emulator: Emulator, image: Image) -> None:
    ecr = emulator.client("ecr")
    for tag in ("aaaa11111111", "aaaa22222222"):
        manifest = json.dumps({"schemaVersion": 2, "tag": tag})
        ecr.put_image(repositoryName=image.repository_name, imageManifest=manifest, imageTag=tag)
    both = {"api": image.repository, "worker": image.repository}
    assert images.earlier_tag(emulator.place, both, "aaaa1") == "aaaa11111111"
    with pytest.raises(ImageError, match="aaaa may be"):
        images.earlier_tag(emulator.place, both, "aaaa")
    with pytest.raises(ImageError, match="no images of bbbb. It has"):
        images.earlier_tag(emulator.place, both, "bbbb")
