"""The bill of materials of an image, as CycloneDX 1.6: every Debian and Python package that is really in it.

    .tools/supply/bin/python compose/sbom.py windsock-api:dev api.cdx.json

Looked at is the image's file system, so what is listed is what runs, whatever was asked for when it was built. Debian's
packages are found by debsbom, Python's by the metadata that each keeps beside it, wherever in the image that is.
"""

from __future__ import annotations

import email.parser
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SCHEMA = SchemaVersion.V1_6
Component = dict[str, Any]


def main(image: str, to: str) -> None:
    """Write the bill of an image that is on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "files.tar")
        export(image, files)
        bill = debian(files, Path(folder, "debian"))
        bill["components"] += sorted(python(files), key=lambda one: str(one["bom-ref"]))
    (about,) = json.loads(run("docker", "image", "inspect", image))
    bill["components"] += interpreter(about["Config"].get("Env") or [])
    name, _, tag = image.rpartition(":")
    bill["metadata"]["component"] = {
        "bom-ref": image,
        "type": "container",
        "name": name,
        "version": tag,
        "properties": [{"name": "docker:image:id", "value": about["Id"]}],
    }
    # The packages that nothing else needs hang on the image.
    bill["dependencies"].append({"ref": image, "dependsOn": sorted(one["bom-ref"] for one in bill["components"])})
    text = json.dumps(bill, indent=2, sort_keys=True)
    if error := JsonStrictValidator(SCHEMA).validate_str(text):
        sys.exit(f"This is no CycloneDX {SCHEMA.to_version()}: {error}")
    Path(to).parent.mkdir(parents=True, exist_ok=True)
    Path(to).write_text(f"{text}\n", encoding="utf-8")
    sys.stdout.write(f"{to}: {len(bill['components'])} packages of {image}\n")


def run(*command: str | Path) -> str:
    """What a command prints."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def export(image: str, to: Path) -> None:
    """Write the files of an image as one archive. Nothing of it is run."""
    container = run("docker", "create", image).strip()
    try:
        run("docker", "export", "--output", to, container)
    finally:
        run("docker", "rm", container)


def debian(files: Path, to: Path) -> dict[str, Any]:
    """The bill of Debian's packages."""
    tool = Path(sys.executable).with_name("debsbom")
    options = ["--sbom-type", "cdx", "--cdx-schema-version", SCHEMA.to_version()]
    # Its warnings are of packages without a supplier's address, which says nothing about the image.
    subprocess.run([tool, "generate", *options, "--root", files, "--out", to], check=True, stderr=subprocess.PIPE)
    made: dict[str, Any] = json.loads(Path(f"{to}.cdx.json").read_text(encoding="utf-8"))
    return made


def python(files: Path) -> Iterator[Component]:
    """Each Python package that has its metadata in the archive."""
    seen = set()
    with tarfile.open(files) as archive:
        for member in archive:
            folder, _, name = member.name.rpartition("/")
            if name != "METADATA" or not folder.endswith(".dist-info"):
                continue
            opened = archive.extractfile(member)
            if opened is None:
                continue
            metadata = email.parser.BytesParser().parse(opened, headersonly=True)
            component = package(metadata["Name"], metadata["Version"])
            if component["bom-ref"] not in seen:
                seen.add(component["bom-ref"])
                yield component


def package(name: str, version: str) -> Component:
    """One Python package."""
    purl = PackageURL("pypi", name=name, version=version).to_string()
    return {"bom-ref": purl, "type": "library", "name": name, "version": version, "purl": purl}


def interpreter(environment: list[str]) -> list[Component]:
    """Python itself, where the base image has compiled it: no package, but one of the image's variables says which."""
    variables = dict(entry.split("=", 1) for entry in environment)
    version = variables.get("PYTHON_VERSION")
    if not version:
        return []
    purl = PackageURL("generic", name="cpython", version=version).to_string()
    return [{"bom-ref": purl, "type": "library", "name": "cpython", "version": version, "purl": purl}]


if __name__ == "__main__":
    main(*sys.argv[1:])
