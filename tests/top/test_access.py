"""A service behind TLS, client certificates and passwords, and files that say wrongly how to reach it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.errors import UsageError
from flowclass.top.access import Access
from flowclass.top.scrape import ScrapeError, fetch
from tests.metrics.test_webconfig import USERS, Serve, certificates, serve

__all__ = ["certificates", "serve"]
MUTUAL = (
    "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
    "  client_ca_file: cert.pem\n"
)
BASIC = "basic_auth:\n  username: prom\n  password_file: password\n"
TLS = "tls_config:\n  ca_file: cert.pem\n  cert_file: cert.pem\n  key_file: key.pem\n"


def test_right_certificate_and_password_are_answered(serve: Serve, certificates: Path) -> None:
    (certificates / "web.yml").write_text(USERS + MUTUAL)
    (certificates / "password").write_text("open sesame\n")
    (certificates / "access.yml").write_text(BASIC + TLS)
    url = f"https://127.0.0.1:{serve(str(certificates / 'web.yml')).port}/metrics"
    assert fetch(url, Access(str(certificates / "access.yml"))).total("flowclass_model_info") == 1
    with pytest.raises(ScrapeError):
        fetch(url)


def test_wrong_password_is_not(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(USERS)
    (tmp_path / "access.yml").write_text("basic_auth:\n  username: prom\n  password: wrong\n")
    url = f"http://127.0.0.1:{serve(str(tmp_path / 'web.yml')).port}/metrics"
    with pytest.raises(ScrapeError, match="Unauthorized"):
        fetch(url, Access(str(tmp_path / "access.yml")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("basic_auht: {}", "unknown key basic_auht; did you mean basic_auth?"),
        ("basic_auth: {username: prom}", "basic_auth must hold username, and password or password_file"),
        ("basic_auth: {username: prom, password_file: none}", "password_file: No such file"),
        ("tls_config: {ca_file: none}", "tls_config: "),
        ("- basic_auth", "the file must hold basic_auth or tls_config"),
        ("a: [", "not YAML"),
    ],
)
def test_file_that_is_wrong_says_how(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "access.yml").write_text(text)
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        Access(str(tmp_path / "access.yml"))
