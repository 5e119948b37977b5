"""The certificate that the double shows: made anew at each start where the old one has run out.

It vouches for itself, for 127.0.0.1 and localhost only.
"""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = dt.timedelta(days=90)
AT_LEAST = dt.timedelta(days=7)  # it is still good for


@dataclass(frozen=True)
class Pair:
    """Files of a certificate, which is its own authority, and of its key."""

    certificate: Path
    key: Path


def pair(folder: Path) -> Pair:
    """The certificate of a folder."""
    made = Pair(folder / "certificate.pem", folder / "key.pem")
    if not _is_good(made):
        _make(made)
    return made


def _is_good(pair: Pair) -> bool:
    if not (pair.certificate.exists() and pair.key.exists()):
        return False
    until = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).not_valid_after_utc
    return until - dt.datetime.now(dt.UTC) > AT_LEAST


def _make(pair: Pair) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Salesforce sandbox double")])
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    known_by = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(known_by, critical=False)
        .sign(key, hashes.SHA256())
    )
    pair.key.touch(mode=0o600)
    os.chmod(pair.key, 0o600)
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
