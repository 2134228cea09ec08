"""Putting a folder's files into a bucket: those that it does not have, or has otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

# Up to this size an object is put in one piece, and its ETag is its MD5: S3's own limit is 5 GiB.
_ONE_PIECE = 1 << 30
_CONFIG = TransferConfig(multipart_threshold=_ONE_PIECE)


class UploadError(Exception):
    """The folder cannot be uploaded; the message says why."""


@dataclass(frozen=True)
class Uploaded:
    """What was put, and what was there already, as keys."""

    put: list[str]
    same: list[str]


def upload(client: Any, folder: Path, bucket: str, say: Callable[[str], None]) -> Uploaded:
    """Put the files of a folder and of the folders in it, by their paths; hidden ones are left out.

    Args:
        client: S3.
        folder: The folder.
        bucket: The bucket's name.
        say: Shows a line for each file that is put.

    Raises:
        UploadError: There is no such folder, or it has no files.
    """
    if not folder.is_dir():
        raise UploadError(f"{folder} is {'a file, not a' if folder.exists() else 'no'} folder: -e upload=<folder>")
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    if not files:
        raise UploadError(f"{folder} has no files")
    there = {
        entry["Key"]: (entry["Size"], entry["ETag"].strip('"'))
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for entry in page.get("Contents", [])
    }
    done = Uploaded([], [])
    for key, path in files.items():
        size, etag = there.get(key, (-1, ""))
        if size == path.stat().st_size and etag == _md5(path):
            done.same.append(key)
            continue
        client.upload_file(str(path), bucket, key, Config=_CONFIG)
        say(f"  put {key}")
        done.put.append(key)
    return done


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
