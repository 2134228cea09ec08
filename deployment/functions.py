"""The packages of the Lambda functions, in their bucket under the hash of their content."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from botocore.exceptions import ClientError

from deployment.session import Place
from worker import package

_SHOWN_LINES = 10
FOLDER = "functions"


class PackageError(Exception):
    """A package could not be made; the message says why and what to do."""


def build(project: Path, folder: Path, certificates: Path) -> dict[str, Path]:
    """Make the packages of both functions.

    Args:
        project: The project's folder.
        folder: Where they are made; libraries that are there already are not installed again.
        certificates: What the rotation function checks the database's certificate against, as PEM.

    Returns:
        The zip files by function: checker and rotation. The name of each ends in the hash of what is in it.

    Raises:
        PackageError: The libraries cannot be installed.
    """
    libraries = _libraries(project / "requirements" / "rotation.txt", folder)
    rotation = package.library_files(libraries) | package.project_files(package.ROTATION)
    return {
        "checker": package.write("checker", package.project_files(package.CHECKER), folder),
        "rotation": package.write("rotation", rotation | {package.CERTIFICATES: certificates.read_bytes()}, folder),
    }


def is_there(place: Place, bucket: str, key: str) -> bool:
    """Whether the bucket has the key."""
    try:
        place.client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # 403 is what S3 says of a missing key to those who may not list the bucket, such as the pipeline.
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "403"):
            return False
        raise
    return True


def upload(place: Place, bucket: str, key: str, file: Path) -> None:
    """Put a package into the bucket. Under its key there can be nothing else: it has the hash of the content."""
    place.client("s3").put_object(Bucket=bucket, Key=key, Body=file.read_bytes(), ContentType="application/zip")


def key(file: Path) -> str:
    """The key of a package."""
    return f"{FOLDER}/{file.name}"


def _libraries(locked: Path, folder: Path) -> Path:
    """The installed libraries of a hash-locked requirements file, each lock in a folder of its own."""
    target = folder / f"libraries-{hashlib.sha256(locked.read_bytes()).hexdigest()[:16]}"
    if target.exists():
        return target
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    # For Lambda, not for this machine: wheels of Python alone, which fit every processor and version.
    command += ["--require-hashes", "--only-binary", ":all:", "--implementation", "py", "--platform", "any"]
    command += ["--python-version", "3.13", "--no-deps", "--target", str(part), "--requirement", str(locked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join(f"  {line}" for line in done.stderr.strip().splitlines()[-_SHOWN_LINES:])
        raise PackageError(
            f"The libraries of the rotation function cannot be installed:\n{end}\n"
            f"pip has to reach PyPI or a mirror of it (PIP_INDEX_URL, and PIP_CERT behind a company's proxy)."
        )
    part.rename(target)
    return target
