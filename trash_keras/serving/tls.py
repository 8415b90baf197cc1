"""HTTPS with a certificate that nobody vouches for: browsers give the camera to no other page.

The one exception is a page of the same machine.
"""

import datetime
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from trash_keras.host.packages import install_hint

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_DAYS = 30  # that a certificate is valid; each start of the server makes another one


def self_signed(names: Collection[str]) -> tuple[ssl.SSLContext, str]:
    """Makes a key and a self-signed certificate for a server of the local network.

    Args:
        names: Names and addresses that it is for.

    Returns:
        The settings of the server, and the SHA-256 fingerprint of the certificate as browsers show
        it. No file of the key is left.

    Raises:
        ImportError: The package cryptography is missing.
    """
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError as error:
        raise ImportError(
            f"--https needs the package cryptography: {install_hint('demo')}"
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, names)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return _context(secret + certificate.public_bytes(pem)), fingerprint


def _certificate(key: "ec.EllipticCurvePrivateKey", names: Collection[str]) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "trash_keras")])
    now = datetime.datetime.now(datetime.UTC)
    usable = sorted(name for name in names if name and name.isascii())
    found = x509.SubjectAlternativeName([_name(name) for name in usable])
    purpose = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # the clock of a phone may be behind
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(found, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(purpose, critical=False)
        .sign(key, hashes.SHA256())
    )


def _name(name: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _context(pem: bytes) -> ssl.SSLContext:
    """Returns a server's settings; ssl reads keys from files alone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    descriptor, path = tempfile.mkstemp(suffix=".pem")  # for the eyes of this user alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()
    return context
