"""Certificates made for one test run: an authority, and what it signs."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

PASSWORD = "openwhisk"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """Return the certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    def write_pem(self, path: Path) -> Path:
        """Write certificate and key into one PEM file."""
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(self.certificate_pem() + key)
        return path

    def write_pkcs12(self, path: Path, authorities: list[x509.Certificate]) -> Path:
        """Write certificate, key and ``authorities`` into a PKCS#12 file."""
        encryption = BestAvailableEncryption(PASSWORD.encode())
        path.write_bytes(
            serialize_key_and_certificates(
                b"test", self.key, self.certificate, authorities, encryption
            )
        )
        return path


def make(name: str, issuer: Pair | None = None) -> Pair:
    """Make a certificate for 127.0.0.1; without an issuer it is an authority's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
    )
    signed = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Pair(signed, key)
