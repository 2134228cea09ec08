"""The functions' packages: made with real libraries, put into an emulated bucket."""

from __future__ import annotations

import uuid
import zipfile
from pathlib import Path

import pytest

from deployment import certificates, functions
from deployment.certificates import CertificatesError
from deployment.session import Place
from tests.conftest import PROJECT
from tests.integration.emulator.conftest import Emulator


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("functions")
    (folder / "authority.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    return functions.build(PROJECT, folder, folder / "authority.pem")


def test_each_package_has_what_its_function_needs(made: dict[str, Path]) -> None:
    assert "worker/checker.py" in zipfile.ZipFile(made["checker"]).namelist()
    rotation = zipfile.ZipFile(made["rotation"]).namelist()
    assert {"database/rotation.py", "database/rds.pem", "pg8000/__init__.py"} <= set(rotation)


def test_the_same_files_give_the_same_key_and_need_no_network(
    made: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = made["checker"].parent
    again = functions.build(PROJECT, folder, folder / "authority.pem")
    assert again == made


@pytest.mark.docker
def test_a_package_is_uploaded_once(emulator: Emulator, made: dict[str, Path]) -> None:
    bucket = f"artefacts-{uuid.uuid4().hex[:8]}"
    emulator.client("s3").create_bucket(Bucket=bucket)
    key = functions.key(made["checker"])
    assert not functions.is_there(emulator.place, bucket, key)
    functions.upload(emulator.place, bucket, key, made["checker"])
    assert functions.is_there(emulator.place, bucket, key)


def test_certificates_of_a_rehearsal_are_never_fetched(tmp_path: Path) -> None:
    place = Place("us-east-1", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(CertificatesError, match="python -m emulator start leaves it there"):
        certificates.ensure(place, tmp_path / "none.pem")


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.pem").write_text("<html>Please log in</html>")
    with pytest.raises(CertificatesError, match="has no certificate in it"):
        certificates.ensure(Place("us-east-1"), tmp_path / "page.pem")
