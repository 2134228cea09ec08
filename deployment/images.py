"""The images of both programs: built from the project, pushed to ECR, under the name of the state that they are of."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

import runtime
from deployment.events import Say
from deployment.session import Place

PROGRAMS = ("api", "worker")
_PLATFORMS = {"ARM64": "linux/arm64", "X86_64": "linux/amd64"}
_SHOWN_LINES = 25
_SHOWN_TAGS = 10


class ImageError(Exception):
    """An image could not be built or pushed; the message says why and what to do."""


@dataclass(frozen=True)
class Image:
    """One image in ECR."""

    program: str
    """Which one: a target of compose/Dockerfile."""
    repository: str
    """Its address, without a tag."""
    tag: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def repository_name(self) -> str:
        """The repository as ECR's API calls it."""
        return self.repository.partition("/")[2]


@dataclass(frozen=True)
class Sources:
    """What images are built from."""

    project: Path
    certificates: Path
    """A PEM file: what the programs check the database's certificate against."""
    pip_index_url: str = ""
    """The package index; PyPI where it is empty."""
    ca_file: str = ""
    """A PEM file of authorities to trust during the build; none where it is empty."""


def missing(place: Place, images: Sequence[Image]) -> list[Image]:
    """Those that ECR does not have yet."""
    return [image for image in images if not _is_there(place, image)]


def _is_there(place: Place, image: Image) -> bool:
    try:
        place.client("ecr").describe_images(repositoryName=image.repository_name, imageIds=[{"imageTag": image.tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return False
        raise
    return True


def earlier_tag(place: Place, repositories: Mapping[str, str], begins: str) -> str:
    """The tag of an earlier release that begins like this, and that all repositories have.

    Raises:
        ImageError: There is none, or several.
    """
    known = [_tags(place, repository) for repository in repositories.values()]
    in_all = [tag for tag in known[0] if all(tag in tags for tags in known)]
    matching = [tag for tag in in_all if tag.startswith(begins)]
    if begins in matching or len(matching) == 1:
        return begins if begins in matching else matching[0]
    if matching:
        raise ImageError(f"{begins} may be {' or '.join(matching)}: give more of it.")
    raise ImageError(
        f"ECR has no images of {begins}. It has, the newest first: {', '.join(in_all[:_SHOWN_TAGS]) or 'none'}. "
        f"Where that commit is older: check it out, and release it without naming it."
    )


def _tags(place: Place, repository: str) -> list[str]:
    """The tags of a repository, the newest first."""
    pages = (
        place.client("ecr")
        .get_paginator("describe_images")
        .paginate(repositoryName=repository.partition("/")[2], filter={"tagStatus": "TAGGED"})
    )
    found = [image for page in pages for image in page["imageDetails"]]
    found.sort(key=lambda image: image["imagePushedAt"], reverse=True)
    return [tag for image in found for tag in image.get("imageTags", [])]


def build(sources: Sources, image: Image, architecture: str, say: Say) -> None:
    """Build an image on this machine.

    Args:
        sources: What it is built from.
        image: What it is called.
        architecture: ARM64 or X86_64, as Fargate calls them.
        say: Shows a line.

    Raises:
        ImageError: There is no Docker, or the build failed; with its last lines.
    """
    _check_docker()
    begun = time.monotonic()
    say(f"building {image.program} for {_PLATFORMS[architecture]}")
    with tempfile.TemporaryDirectory() as certificates:
        shutil.copyfile(sources.certificates, Path(certificates, "rds.pem"))
        command = build_command(sources, image, architecture, Path(certificates))
        done = subprocess.run(
            command, cwd=sources.project, capture_output=True, text=True, check=False, errors="replace"
        )
    if done.returncode:
        output = done.stdout + done.stderr
        raise ImageError(
            f"The image of {image.program} cannot be built:\n{_end(output)}\n{_advice(output, architecture)}"
        )
    say(f"built {image.program} in {time.monotonic() - begun:.0f} s")


def build_command(sources: Sources, image: Image, architecture: str, certificates: Path) -> list[str]:
    """The command line of a build."""
    command = ["docker", "buildx", "build", "--file", "compose/Dockerfile", "--target", image.program]
    command += ["--platform", _PLATFORMS[architecture], "--tag", str(image), "--progress", "plain"]
    # One plain image: what ECR scans and ECS pulls. It is pushed from here, so it has to be here.
    command += ["--load", "--provenance", "false"]
    command += ["--build-context", f"certificates={certificates}"]
    command += ["--build-arg", f"VERSION={runtime.__version__}", "--build-arg", f"REVISION={image.tag}"]
    if sources.pip_index_url:
        command += ["--build-arg", f"PIP_INDEX_URL={sources.pip_index_url}"]
    if sources.ca_file:
        command += ["--secret", f"id=ca,src={sources.ca_file}"]
    return [*command, "."]


def push(place: Place, images: Sequence[Image], say: Say) -> None:
    """Push built images. The registry's password is in a folder of its own meanwhile, and gone afterwards.

    Raises:
        ImageError: ECR does not accept the login or an image.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DOCKER_HOST": _docker_host(), "DOCKER_CONFIG": folder}
        _log_in(place, {image.repository.partition("/")[0] for image in images}, environment)
        for image in images:
            begun = time.monotonic()
            done = subprocess.run(
                ["docker", "push", str(image)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                errors="replace",
            )
            # Somebody else may have pushed the same state meanwhile, and a tag never changes.
            if done.returncode and not _is_there(place, image):
                raise ImageError(
                    f"{image} cannot be pushed:\n{_end(done.stdout + done.stderr)}\nIs ECR within reach of Docker, and "
                    f"may these credentials push to it (ecr:PutImage and the actions of uploading layers)?"
                )
            say(f"pushed {image} in {time.monotonic() - begun:.0f} s")


def _log_in(place: Place, registries: set[str], environment: Mapping[str, str]) -> None:
    token = place.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    for registry in registries:
        done = subprocess.run(
            ["docker", "login", "--username", user, "--password-stdin", registry],
            input=password,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ImageError(f"Docker cannot log in to {registry}: {_end(done.stderr)}")


def _check_docker() -> None:
    if not shutil.which("docker"):
        raise ImageError(
            "There is no command docker: install Docker with buildx (https://docs.docker.com/engine/install)."
        )
    for words in (["version"], ["buildx", "version"]):
        done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ImageError(
                f"Docker cannot build: {done.stderr.strip() or done.stdout.strip()}\n"
                f"Install it with buildx, start it, and be in the group `docker` or root."
            )


def _docker_host() -> str:
    """Where the daemon is that the user's own settings choose: with other settings, Docker would look elsewhere."""
    if chosen := os.environ.get("DOCKER_HOST"):
        return chosen
    form = "{{.Endpoints.docker.Host}}"
    done = subprocess.run(
        ["docker", "context", "inspect", "--format", form], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _end(output: str) -> str:
    return "\n".join(f"  {line}" for line in output.strip().splitlines()[-_SHOWN_LINES:])


def _advice(output: str, architecture: str) -> str:
    if "exec format error" in output or "no match for platform" in output:
        return (
            f"This machine cannot run {_PLATFORMS[architecture]}. Let Docker emulate it (docker run --privileged --rm "
            f"tonistiigi/binfmt --install all), build on such a machine, or have CpuArchitecture of the stacks api and "
            f"ingestion say what this one is."
        )
    return "Behind a company's proxy, set PIP_INDEX_URL and SSL_CERT_FILE: see compose/README.md."
