"""What encrypted connections to Redis believe and show."""

from __future__ import annotations

import ssl
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.engines.redis.config import TlsConfig

PEM_MARK: Final = "-----BEGIN"


def ssl_context(tls: TlsConfig) -> ssl.SSLContext:
    """A context for one connection. Files are read anew each time, so that renewed certificates are seen.

    Raises:
        OSError: a file is missing, or something is no certificate (ssl.SSLError is an OSError).
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, **_authorities(tls.ca_pem))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_pem:
        with _as_file(tls.cert_pem) as cert, _as_file(tls.key_pem) as key:
            context.load_cert_chain(cert, key or None)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _authorities(ca_pem: str) -> dict[str, str]:
    if not ca_pem:
        return {}
    return {"cadata" if _is_text(ca_pem) else "cafile": ca_pem}


@contextmanager
def _as_file(pem: str) -> Iterator[str]:
    """OpenSSL takes a certificate and its key from files only; ours is readable by us alone, and gone at once."""
    if not _is_text(pem):
        yield pem
        return
    with tempfile.TemporaryDirectory(prefix="syncline-tls-") as directory:
        file = Path(directory) / "pem"
        file.touch(mode=0o600)
        file.write_text(pem)
        yield str(file)


def _is_text(pem: str) -> bool:
    return PEM_MARK in pem
