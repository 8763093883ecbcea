"""A platform behind a private CA: its certificate is always verified, what is wrong with it told with a remedy."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from credit_exchange.errors import ConfigurationError
from credit_exchange.steps.push.dialects.base import NotSent
from credit_exchange.steps.push.transport import Transport

NOW = datetime.now(UTC)
HERE = (x509.IPAddress(ipaddress.ip_address("127.0.0.1")),)
ELSEWHERE = (x509.DNSName("credit.example"),)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of a test."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def issue(self, names: tuple[x509.GeneralName, ...], begins: int, ends: int) -> bytes:
        """Return key and certificate of a server, valid from and to so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _certificate("server", self.certificate.subject, key, begins, ends)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, SHA256())
        )
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(
            Encoding.PEM
        )


def _certificate(
    name: str, issuer: x509.Name | None, key: ec.EllipticCurvePrivateKey, begins: int, ends: int
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=begins))
        .not_valid_after(NOW + timedelta(days=ends))
    )


@cache
def authority(name: str) -> Authority:
    """A private CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _certificate(name, None, key, -30, 30)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
    )
    return Authority(key, certificate)


def bundle(directory: Path, name: str) -> str:
    """The file with a CA's certificate, as a platform's people give it."""
    path = directory / f"{name}.pem"
    path.write_bytes(authority(name).certificate.public_bytes(Encoding.PEM))
    return str(path)


Serve = Callable[[bytes], str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A server with a key and a certificate, for one connection; its URL."""
    closing: list[Callable[[], None]] = []

    def start(identity: bytes) -> str:
        path = tmp_path / "server.pem"
        path.write_bytes(identity)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        listener = socket.create_server(("127.0.0.1", 0))

        def work() -> None:
            plain, _ = listener.accept()
            with plain:
                try:
                    with context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                except OSError:
                    return  # the client does not trust it, which is what most tests want

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        closing.extend((lambda: thread.join(5), listener.close))
        return f"https://127.0.0.1:{listener.getsockname()[1]}/x"

    yield start
    for close in closing:
        close()


def transport(ca_bundle: str | None) -> Transport:
    return Transport(
        connect_timeout=5,
        read_timeout=5,
        total_timeout=10,
        max_reply_bytes=1000,
        ca_bundle=ca_bundle,
        file="platforms/china.yml",
    )


def test_a_platform_behind_a_private_authority_is_reached(serve: Serve, tmp_path: Path) -> None:
    url = serve(authority("ours").issue(HERE, -1, 1))
    one = transport(bundle(tmp_path, "ours"))
    assert one.call("GET", url, {}, b"").status == 200
    assert one.signs.certificate_ends == (NOW + timedelta(days=1)).replace(microsecond=0), "seen in passing"


@pytest.mark.parametrize(
    ("names", "begins", "ends", "trusted", "told"),
    [
        (HERE, -1, 1, None, "不是由本机信任的机构签发的；私有 CA 的证书请在 platforms/china.yml 的 ca_bundle 中写明"),
        (HERE, -1, 1, "other", "other.pem 中的机构签发的；请向平台索取现在的 CA 证书，更正 platforms/china.yml 的"),
        (HERE, -9, -1, "ours", "已过期；请平台更换证书"),
        (HERE, 1, 9, "ours", "尚未生效；请核对本机的时钟"),
        (ELSEWHERE, -1, 1, "ours", "不是签发给连接中的主机名的；请更正连接的 host"),
    ],
)
def test_a_certificate_that_is_not_good_is_surely_not_sent_to_and_told_with_a_remedy(
    serve: Serve, tmp_path: Path, names: tuple[x509.GeneralName, ...], begins: int, ends: int,
    trusted: str | None, told: str,
) -> None:  # fmt: skip
    url = serve(authority("ours").issue(names, begins, ends))
    one = transport(bundle(tmp_path, trusted) if trusted else None)
    with pytest.raises(NotSent) as caught:
        one.call("POST", url, {}, b"x")
    assert str(caught.value).startswith("连接不上平台：平台的证书")
    assert told in str(caught.value)


@pytest.mark.parametrize("given", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
def test_a_bundle_that_cannot_be_used_is_told_with_file_and_remedy(tmp_path: Path, given: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if given is not None:
        path.write_bytes(given)
    with pytest.raises(ConfigurationError, match=r"^platforms/china.yml：ca_bundle：.*/ca.pem .*请.*PEM"):
        transport(str(path))
