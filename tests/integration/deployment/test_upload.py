"""A folder's files into a bucket: what is new or different, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployment.upload import UploadError, upload
from tests.integration.deployment.conftest import Emulator

pytestmark = pytest.mark.docker


def test_what_is_new_or_different_is_put(emulator: Emulator, tmp_path: Path) -> None:
    client, bucket = emulator.client("s3"), "uploads-of-a-folder"
    client.create_bucket(Bucket=bucket)
    (tmp_path / "years").mkdir()
    (tmp_path / "years" / "2001.csv").write_text("one\n")
    (tmp_path / "a file, ü.txt").write_text("two\n")
    (tmp_path / ".hidden").write_text("three\n")
    said: list[str] = []
    first = upload(client, tmp_path, bucket, said.append)
    assert (first.put, first.same) == (["a file, ü.txt", "years/2001.csv"], [])
    assert said == ["  put a file, ü.txt", "  put years/2001.csv"]
    (tmp_path / "years" / "2001.csv").write_text("ten\n")  # as long as before
    second = upload(client, tmp_path, bucket, said.append)
    assert (second.put, second.same) == (["years/2001.csv"], ["a file, ü.txt"])
    assert client.get_object(Bucket=bucket, Key="years/2001.csv")["Body"].read() == b"ten\n"


def test_what_is_no_folder_of_files_is_said(emulator: Emulator, tmp_path: Path) -> None:
    client = emulator.client("s3")
    with pytest.raises(UploadError, match="has no files"):
        upload(client, tmp_path, "any", print)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UploadError, match="is a file, not a folder"):
        upload(client, tmp_path / "file", "any", print)
    with pytest.raises(UploadError, match="is no folder"):
        upload(client, tmp_path / "none", "any", print)
