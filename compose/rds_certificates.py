"""Writes compose/certificates/rds.pem, the authorities that Amazon RDS signs its servers' certificates with.

    .venv/bin/python compose/rds_certificates.py global-bundle.pem

Of the bundle it keeps what is certain: roots that have signed themselves, named by Amazon RDS after a region, a key and
a generation, and not expired. Left out are the roots of Amazon's own trials (Beta, Preview).
"""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

WRITTEN = Path(__file__).parent / "certificates" / "rds.pem"

NAME = re.compile(
    r"CN=Amazon RDS (?P<region>[a-z]{2}(-[a-z]+)+-[0-9]) "
    r"Root CA (?P<key>RSA2048|RSA4096|ECC384) (?P<generation>G[0-9]+),"
)
ORGANISATION = "O=Amazon Web Services\\, Inc."

Title = tuple[str, str, str]
"""The region, the kind of key and the generation."""


def title(certificate: x509.Certificate) -> Title | None:
    """What the certificate is the root of; None for one that is no root of Amazon RDS in a region."""
    try:
        certificate.verify_directly_issued_by(certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, InvalidSignature, x509.ExtensionNotFound):
        return None
    name = certificate.subject.rfc4514_string({x509.NameOID.EMAIL_ADDRESS: "E"})
    found = NAME.search(name) if constraints.ca and ORGANISATION in name else None
    return (found["region"], found["key"], found["generation"]) if found else None


def page(bundle: bytes, now: datetime.datetime) -> str:
    """The roots of a bundle as PEM, in the order of their names, each below a line that says what it is.

    Raises:
        ValueError: the bundle has no root, or two that go by one name.
    """
    roots: dict[Title, x509.Certificate] = {}
    for certificate in x509.load_pem_x509_certificates(bundle):
        name = title(certificate)
        if name is None or certificate.not_valid_after_utc <= now:
            continue
        if roots.setdefault(name, certificate) != certificate:
            raise ValueError(f"two different certificates are called {' '.join(name)}")
    if not roots:
        raise ValueError("no certificate in it is a root of Amazon RDS: take global-bundle.pem")
    return "".join(
        f"# {' '.join(name)}, expires {root.not_valid_after_utc:%Y-%m-%d}\n{root.public_bytes(Encoding.PEM).decode()}"
        for name, root in sorted(roots.items())
    )


def main(arguments: list[str]) -> int:
    """Write the file: 0, or 2 where there is no bundle that can be used."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        written = page(Path(arguments[0]).read_bytes(), datetime.datetime.now(datetime.UTC))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{arguments[0]} cannot be used: {error}\n")
        return 2
    WRITTEN.write_text(written, encoding="ascii")
    sys.stdout.write(f"{written.count('BEGIN CERTIFICATE')} certificates written to {WRITTEN}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
