"""The authorities of Amazon RDS: all there, nobody else's, and good for another year."""

from __future__ import annotations

import datetime
import re
import ssl
from collections import defaultdict
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from compose import rds_certificates
from compose.rds_certificates import WRITTEN, page, title

NOW = datetime.datetime.now(datetime.UTC)
ROOTS = x509.load_pem_x509_certificates(WRITTEN.read_bytes())
# Where most users are; a bundle without one of these was cut short.
REGIONS = {"us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "ap-northeast-1"}


def test_each_is_a_root_of_amazon_rds() -> None:
    assert all(title(root) for root in ROOTS)


def test_each_region_has_its_three() -> None:
    keys = defaultdict(set)
    for region, key, generation in filter(None, map(title, ROOTS)):
        keys[region].add(f"{key}-{generation}")
    assert set(keys) >= REGIONS
    assert all(found >= {"RSA2048-G1", "RSA4096-G1", "ECC384-G1"} for found in keys.values())


def test_none_expires_within_a_year() -> None:
    soon = [title(root) for root in ROOTS if root.not_valid_after_utc < NOW + datetime.timedelta(days=365)]
    assert soon == [], "renew them: compose/certificates/README.md says how"


def test_the_file_is_as_its_program_writes_it() -> None:
    assert page(WRITTEN.read_bytes(), NOW) == WRITTEN.read_text()
    titles = re.findall(r"^# (\S+ \S+ \S+), expires \d{4}-\d\d-\d\d$", WRITTEN.read_text(), re.MULTILINE)
    assert titles == sorted(titles)
    assert len(titles) == len(ROOTS)


def test_tls_takes_all_of_them() -> None:
    assert len(ssl.create_default_context(cafile=str(WRITTEN)).get_ca_certs()) == len(ROOTS)


def made(name: str, *, issuer: str | None = None, years: int = 30, authority: bool = True) -> bytes:
    """A certificate of our own, by default a root that looks like one of Amazon's."""
    key = ec.generate_private_key(ec.SECP384R1())
    organisation = x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Amazon Web Services, Inc.")

    def named(text: str) -> x509.Name:
        return x509.Name([organisation, x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    certificate = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer or name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=40 * 365))
        .not_valid_after(NOW + datetime.timedelta(days=365 * years))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(key, hashes.SHA384())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


GOOD = "Amazon RDS xx-new-1 Root CA ECC384 G2"


def test_a_new_region_and_a_new_generation_are_taken() -> None:
    assert page(made(GOOD), NOW).startswith("# xx-new-1 ECC384 G2, expires ")


@pytest.mark.parametrize(
    "other",
    [
        made("Amazon RDS Beta us-east-1 Root CA ECC384 G1"),
        made("Amazon RDS us-east-1 2019 CA"),
        made("Somebody's Root CA"),
        made("Amazon RDS xx-old-1 Root CA ECC384 G1", years=-1),
        made("Amazon RDS xx-far-1 Root CA ECC384 G1", issuer="Somebody's Root CA"),
        made("Amazon RDS xx-low-1 Root CA ECC384 G1", authority=False),
    ],
    ids=["trial", "generation before", "stranger", "expired", "signed by another", "no authority"],
)
def test_what_is_no_root_of_a_region_is_left_out(other: bytes) -> None:
    assert page(other + made(GOOD), NOW).count("BEGIN CERTIFICATE") == 1


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two different certificates are called xx-new-1 ECC384 G2"):
        page(made(GOOD) + made(GOOD), NOW)


def test_the_program_writes_the_file_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rds_certificates, "WRITTEN", tmp_path / "rds.pem")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(made("Somebody's Root CA"))
    for given in ([], [str(tmp_path / "none")], [str(bundle)]):
        assert rds_certificates.main(given) == 2
    assert "is a root of Amazon RDS: take global-bundle.pem" in capsys.readouterr().err
    assert not (tmp_path / "rds.pem").exists()
    bundle.write_bytes(made(GOOD))
    assert rds_certificates.main([str(bundle)]) == 0
    assert "1 certificates written" in capsys.readouterr().out
