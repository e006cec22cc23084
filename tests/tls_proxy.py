"""A proxy that ends TLS, as plain as one can be, with a certificate of its own making."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "proxy.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def _serve(client: ssl.SSLSocket, to: int) -> None:
    """One request a connection: its head with the proxy's own words, then bytes both ways."""
    with closing(client), socket.create_connection(("127.0.0.1", to)) as hub:
        client.settimeout(60)
        hub.settimeout(60)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return
            head += piece
        head, _, rest = head.partition(b"\r\n\r\n")
        lines = [
            line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"x-forwarded-proto:"))
        ]
        before = next((line.partition(b":")[2] for line in lines if line.lower().startswith(b"x-forwarded-for:")), b"")
        lines = [line for line in lines if not line.lower().startswith(b"x-forwarded-for:")]
        forwarded = b", ".join(part.strip() for part in (before, b"127.0.0.1") if part.strip())
        lines += [b"X-Forwarded-Proto: https", b"X-Forwarded-For: " + forwarded, b"Connection: close"]
        hub.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + rest)
        back = threading.Thread(target=_copy, args=(hub, client))
        back.start()
        _copy(client, hub)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until either side has had enough."""
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def tls_proxy(listener: socket.socket, pem: Path, to: int) -> Iterator[None]:
    """Serve on `listener` for the hub on port `to` of this machine."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    ended = threading.Event()

    def accept() -> None:
        while not ended.is_set():
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_greet, args=(context, plain, to), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _greet(context: ssl.SSLContext, plain: socket.socket, to: int) -> None:
    try:
        client = context.wrap_socket(plain, server_side=True)
    except OSError:
        plain.close()
        return
    _serve(client, to)
