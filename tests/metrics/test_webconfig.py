"""TLS, client certificates and passwords in front of the metrics; files that are wrong."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest

from flowclass.errors import UsageError
from flowclass.metrics.health import Health, LinkHealth, View
from flowclass.metrics.http import MetricsServer
from flowclass.metrics.webconfig import WebConfig
from tests.model.bundles import small_bundle

HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users:\n  prom: '{HASH}'\n"
Serve = Callable[[str], MetricsServer]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate for 127.0.0.1, which is its own authority."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=probe", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem",
        ],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that serves with a web config."""
    made: list[MetricsServer] = []

    def start(path: str) -> MetricsServer:
        view = View(Health([LinkHealth("eth0", up=True)], []), 10, small_bundle())
        made.append(MetricsServer(("127.0.0.1", 0), view, lambda: None, WebConfig(path)))
        return made[-1]

    yield start
    for server in made:
        server.close()


def status(port: int, scheme: str = "http", context: ssl.SSLContext | None = None, user: str | None = None) -> int:
    """Return the status of a scrape."""
    request = urllib.request.Request(f"{scheme}://127.0.0.1:{port}/metrics")  # noqa: S310  our own server
    if user is not None:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:  # noqa: S310  our own server
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def written(folder: Path, text: str) -> str:
    """Write a web config; return its name."""
    path = folder / "web.yml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("user", "wanted"),
    [
        (None, 401), ("prom:open sesame", 200), ("prom:wrong", 401), ("nobody:open sesame", 401), ("", 401),
        ("prom:" + "x" * 200, 401),
    ],
)  # fmt: skip
def test_passwords(serve: Serve, tmp_path: Path, user: str | None, wanted: int) -> None:
    server = serve(written(tmp_path, USERS))
    assert [status(server.port, user=user) for _ in range(2)] == [wanted, wanted]


def test_nothing_is_served_over_plain_http_when_tls_is_asked_for(
    serve: Serve, certificates: Path, tmp_path: Path
) -> None:
    config = f"tls_server_config:\n  cert_file: {certificates}/cert.pem\n  key_file: {certificates}/key.pem\n"
    server = serve(written(tmp_path, config))
    assert status(server.port, "https", ssl.create_default_context(cafile=certificates / "cert.pem")) == 200
    with pytest.raises(OSError, match=r".*"):
        status(server.port)


def test_client_without_a_certificate_gets_nothing(serve: Serve, certificates: Path) -> None:
    config = (
        "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: cert.pem\n"
    )
    server = serve(written(certificates, config))
    context = ssl.create_default_context(cafile=certificates / "cert.pem")
    with pytest.raises(OSError, match=r".*"):
        status(server.port, "https", context)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    assert status(server.port, "https", context) == 200


def test_silent_client_does_not_stall_the_handshake_of_others(serve: Serve, certificates: Path) -> None:
    server = serve(written(certificates, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"))
    with socket.create_connection(("127.0.0.1", server.port)):
        # The silent client has ten seconds, this one gives up after five.
        assert status(server.port, "https", ssl.create_default_context(cafile=certificates / "cert.pem")) == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("basic_auth_user: {a: b}", "did you mean basic_auth_users"),
        ("basic_auth_users: {prom: secret}", "no bcrypt hash"),
        ("basic_auth_users: [prom]", "must map"),
        ("tls_server_config: {cert_file: nothing.pem, key_file: nothing.pem}", "cannot be used"),
        ("tls_server_config: {key_file: key.pem}", "cert_file is missing"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}", "expected one of TLS12"),
        ("{", "not YAML"),
        ("- 1", "expected tls_server_config"),
    ],
)
def test_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        WebConfig(written(tmp_path, text))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.yml"):
        WebConfig(str(tmp_path / "nothing.yml"))


def test_passwords_change_while_it_serves(serve: Serve, tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    web.write_text(USERS)
    server = serve(str(web))
    assert status(server.port, user="prom:open sesame") == 200
    web.write_text(USERS.replace("prom", "other"))
    server.use(WebConfig(str(web)))
    assert status(server.port, user="prom:open sesame") == 401
    assert status(server.port, user="other:open sesame") == 200
