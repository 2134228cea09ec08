"""The deployment packages of the AWS Lambda functions: zip files that are the same, byte by byte, for the same files.

    python -m worker.package checker <folder>
    python -m worker.package rotation <folder> --certificates <PEM file> --libraries <folder>

prints the path of the zip file. Its name ends in the hash of its content, so that a function is updated when its code
has changed, and only then.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).parent.parent

CHECKER = (
    "runtime/__init__.py",
    "runtime/environment.py",
    "runtime/settings.py",
    "runtime/texts.py",
    "worker/__init__.py",
    "worker/checker.py",
    "worker/manifest.py",
    "worker/metrics.py",
    "worker/sources/__init__.py",
    "worker/sources/s3.py",
    "worker/sources/settings.py",
    "worker/trigger.py",
)
ROTATION = ("database/__init__.py", "database/rotation.py")
CERTIFICATES = "database/rds.pem"
"""Where the rotation function finds the authorities of Amazon RDS in its package."""

_OLDEST = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name


def project_files(names: tuple[str, ...]) -> dict[str, bytes]:
    """Files of this project by their path in it."""
    return {name: (PROJECT / name).read_bytes() for name in names}


def library_files(folder: Path) -> dict[str, bytes]:
    """The installed libraries of a folder (`pip install --target`), without what differs from machine to machine."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.parts[len(folder.parts)] != "bin"
        if path.name not in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
    }


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip file with the files in the order of their names, all with the same time and rights."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _OLDEST)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, wherever it is made
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, files[name])
    return buffer.getvalue()


def write(name: str, files: Mapping[str, bytes], folder: Path) -> Path:
    """Write the package into the folder as `<name>-<hash>.zip`; the hash is of the files, not of the compression."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode() + files[path])
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{name}-{digest.hexdigest()[:16]}.zip"
    written.write_bytes(archive(files))
    return written


def main(arguments: list[str] | None = None) -> int:
    """The command line: 0, with the path of the package on standard output."""
    parser = argparse.ArgumentParser(prog="python -m worker.package", description=(__doc__ or "").splitlines()[0])
    functions = parser.add_subparsers(dest="function", required=True, metavar="FUNCTION")
    checker = functions.add_parser("checker", help="the function that looks for new weather files")
    rotation = functions.add_parser("rotation", help="the function that changes the database's passwords")
    for chosen in (checker, rotation):
        chosen.add_argument("folder", type=Path, help="where the zip file goes")
    rotation.add_argument("--certificates", type=Path, required=True, help="the certificates of Amazon RDS, as PEM")
    rotation.add_argument("--libraries", type=Path, required=True, help="what requirements/rotation.txt installed")
    given = parser.parse_args(arguments)
    if given.function == "checker":
        files = project_files(CHECKER)
    else:
        certificates = {CERTIFICATES: given.certificates.read_bytes()}
        files = library_files(given.libraries) | project_files(ROTATION) | certificates
    sys.stdout.write(f"{write(given.function, files, given.folder)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
