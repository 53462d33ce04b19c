"""TLS for the brokers: certificates from PEM or PKCS#12 files, as OpenWhisk's playbook makes them.

librdkafka wants PEM text, Python's ``ssl`` a context; Java's own JKS files neither can read.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from cryptography.x509 import Certificate, load_pem_x509_certificates

from invoker_plugin.errors import ConfigurationError

_PEM = b"-----BEGIN"
_JKS = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")


@dataclass(frozen=True)
class TlsMaterial:
    """PEM texts; ``None`` where none was given. ``key`` is a secret."""

    authorities: str | None = None
    certificate: str | None = None
    key: str | None = None

    def context(self, check_hostname: bool) -> ssl.SSLContext:
        """Return a client's TLS context."""
        context = ssl.create_default_context(cadata=self.authorities)
        context.check_hostname = check_hostname
        self.load_identity(context)
        return context

    def load_identity(self, context: ssl.SSLContext) -> None:
        """Have ``context`` show the certificate, where there is one."""
        if self.certificate and self.key:
            # The ssl module reads a certificate from files only; this one is ours alone (0600).
            descriptor, path = tempfile.mkstemp(suffix=".pem")
            try:
                with os.fdopen(descriptor, "w", encoding="ascii") as file:
                    file.write(self.certificate + self.key)
                context.load_cert_chain(path)
            finally:
                os.unlink(path)

    def __repr__(self) -> str:
        return "TlsMaterial(...)"


def load(
    truststore: str | None,
    truststore_password: str | None,
    keystore: str | None,
    keystore_password: str | None,
) -> TlsMaterial:
    """Read both files; raise :class:`~invoker_plugin.errors.ConfigurationError`."""
    authorities = certificate = key = None
    if truststore:
        found = _certificates(truststore, truststore_password)
        authorities = "".join(_pem(one) for one in found)
    if keystore:
        certificate, key = _identity(keystore, keystore_password)
    return TlsMaterial(authorities, certificate, key)


def _certificates(path: str, password: str | None) -> list[Certificate]:
    data = _read(path)
    try:
        if _PEM in data:
            return load_pem_x509_certificates(data)
        store = load_pkcs12(data, _bytes(password))
    except ValueError as fault:
        raise ConfigurationError(_unreadable(path, fault)) from None
    found = [store.cert, *store.additional_certs]
    certificates = [one.certificate for one in found if one is not None]
    if not certificates:
        raise ConfigurationError(f"{path} holds no certificate")
    return certificates


def _identity(path: str, password: str | None) -> tuple[str, str]:
    data = _read(path)
    try:
        if _PEM in data:
            certificates = load_pem_x509_certificates(data)
            key = load_pem_private_key(data, _bytes(password) if b"ENCRYPTED" in data else None)
        else:
            store = load_pkcs12(data, _bytes(password))
            if store.cert is None or store.key is None:
                raise ConfigurationError(f"{path} lacks a certificate or its key")
            key = store.key
            certificates = [one.certificate for one in (store.cert, *store.additional_certs)]
    except (ValueError, TypeError) as fault:
        raise ConfigurationError(_unreadable(path, fault)) from None
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return "".join(_pem(one) for one in certificates), text


def _read(path: str) -> bytes:
    try:
        data = Path(path).read_bytes()
    except OSError as fault:
        raise ConfigurationError(f"{path}: cannot be read: {fault.strerror}") from None
    if data[:4] in _JKS:
        raise ConfigurationError(
            f"{path}: is a JKS file, which only Java reads; convert it: keytool -importkeystore "
            f"-srckeystore {path} -destkeystore {path}.p12 -deststoretype PKCS12"
        )
    return data


def _bytes(password: str | None) -> bytes | None:
    return password.encode() if password else None


def _pem(certificate: Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _unreadable(path: str, fault: Exception) -> str:
    return f"{path}: is no PEM or PKCS#12 file that this password opens: {fault}"
