"""Writes the manifest where the settings say: a file, or an object in S3."""

from __future__ import annotations

import datetime
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from worker import manifest
from worker.settings import SourceSettings


class PublishError(Exception):
    """The manifest could not be written; the text says where and why."""


def manifest_address(settings: SourceSettings) -> str | None:
    """Where the manifest goes: as the setting says, else beside the files of a bucket that is ours to write to."""
    if settings.manifest:
        return None if settings.manifest == "off" else settings.manifest
    if settings.address.startswith("s3://") and not settings.anonymous:
        return f"{settings.address}/{manifest.NAME}"
    return None


def publish_manifest(
    settings: SourceSettings, versions: Iterable[tuple[str, str]], written_at: datetime.datetime
) -> None:
    """Write the manifest, all of it or nothing; `versions` is read where there is one to write.

    Raises:
        PublishError: it cannot be written there.
    """
    address = manifest_address(settings)
    if address is None:
        return
    text = manifest.dump(settings.address, versions, written_at.isoformat(timespec="seconds"))
    if address.startswith("s3://"):
        _put_object(address, text)
    else:
        _write_file(Path(address), text)


def _put_object(address: str, text: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # slow to import, and a folder needs none

    from worker.sources import s3  # noqa: PLC0415  # as above

    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        s3.client(anonymous=False).put_object(
            Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json"
        )
    except (BotoCoreError, ClientError) as error:
        raise PublishError(f"the manifest {address} cannot be written: {error}") from error


def _write_file(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(aside).replace(path)
    except OSError as error:
        raise PublishError(f"the manifest {path} cannot be written: {error.strerror}") from error
