"""The certificates that the database's is checked against: Amazon's, or those of a rehearsal."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path

from deployment.session import Place

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
ADDRESS = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
_TIMEOUT_S = 30


class CertificatesError(Exception):
    """There are none; the message says why and what to do."""


def ensure(place: Place, path: Path) -> bool:
    """Have Amazon's certificates in the file, unless it is there.

    Returns:
        Whether they were fetched.

    Raises:
        CertificatesError: They cannot be had, or the file has something else.
    """
    fetched = not path.exists()
    if fetched:
        if place.endpoint_url:
            raise CertificatesError(
                f"There is no {path}, which has the certificate of the emulated databases' authority: "
                f"python -m emulator start leaves it there."
            )
        _fetch(path)
    if b"-----BEGIN CERTIFICATE-----" not in path.read_bytes():
        raise CertificatesError(f"{path} has no certificate in it. Delete it: {ADDRESS} is then fetched again.")
    return fetched


def _fetch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with urllib.request.urlopen(ADDRESS, timeout=_TIMEOUT_S) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except (urllib.error.URLError, OSError) as error:
        raise CertificatesError(
            f"Amazon's certificates of its databases cannot be fetched from {ADDRESS}: {error}. Fetch them by other "
            f"means and put them at {path}"
        ) from error
    part.replace(path)
