"""Certificates for brokers that speak TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A server's certificate, in PEM files."""

    authority: Path
    """The certificate of the authority, which clients trust."""

    chain: Path
    """The server's own certificate."""

    key: Path
    """The server's private key."""


def issue(directory: Path) -> Certificate:
    """Write a certificate for the loopback address, by an authority that nobody else knows."""
    import trustme  # for the tests, not for the command line
    from cryptography.hazmat.primitives import serialization

    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    files = Certificate(
        authority=directory / "authority.pem",
        chain=directory / "chain.pem",
        key=directory / "key.pem",
    )
    authority.cert_pem.write_to_path(str(files.authority))
    (server_certificate,) = server.cert_chain_pems
    server_certificate.write_to_path(str(files.chain))
    key = serialization.load_pem_private_key(server.private_key_pem.bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,  # the only one that Kafka reads
            serialization.NoEncryption(),
        )
    )
    return files
