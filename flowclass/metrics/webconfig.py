"""Host module: WebConfig, TLS and basic authentication of the HTTP side, from a file in exporter-toolkit's form.

The form is https://prometheus.io/docs/prometheus/latest/configuration/https/, so that one file serves all exporters of
a machine. Needs the packages pyyaml and bcrypt (``pip install flowclass[web]``).
"""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import hmac
import secrets
import ssl
from pathlib import Path
from typing import Any

from flowclass.errors import UsageError

TLS_KEYS = ("cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version")
CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
#: Credentials that have passed are remembered, because bcrypt is slow by design and a scrape comes every few seconds.
MOST_REMEMBERED = 64
#: A password is checked for users that do not exist too, so that the time of an answer does not tell who does.
_NOBODY = b"$2b$10$CwTycUXWue0Thq9StjUM0uJ8vDSR1Yg0ypPvwcZWdzTvNZkmrPbIi"


class WebConfig:
    """Who may ask, and how.

    Parameters
    ----------
    path : the file

    Attributes
    ----------
    tls : the server's context, None for plain HTTP

    Raises
    ------
    UsageError
        The file, a key in it or what it points to cannot be used.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        content = self._read()
        self._known(content, ("tls_server_config", "basic_auth_users"), "")
        users = content.get("basic_auth_users") or {}
        if not isinstance(users, dict) or not all(isinstance(value, str) for value in users.values()):
            raise self._wrong("basic_auth_users must map user names to bcrypt hashes")
        self._users = {str(name): value.encode() for name, value in users.items()}
        self._bcrypt = self._load_bcrypt() if self._users else None
        self._key = secrets.token_bytes(32)
        self._passed: set[bytes] = set()
        settings = content.get("tls_server_config")
        self.tls = self._context(settings) if settings else None

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"metrics.web_config {self._path}: {what}")

    def _read(self) -> dict[str, Any]:
        try:
            import yaml
        except ImportError as error:
            raise self._wrong("needs the package pyyaml: pip install 'flowclass[web]'") from error
        try:
            content = yaml.safe_load(Path(self._path).read_text())
        except OSError as error:
            raise self._wrong(error.strerror or str(error)) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise self._wrong(f"not YAML: {error}") from None
        if not isinstance(content, dict):
            raise self._wrong("expected tls_server_config or basic_auth_users")
        return content

    def _known(self, content: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
        for key in content:
            if key not in keys:
                close = difflib.get_close_matches(str(key), keys, 1)
                raise self._wrong(f"unknown key {where}{key}" + (f"; did you mean {close[0]}?" if close else ""))

    def _load_bcrypt(self) -> Any:
        try:
            import bcrypt
        except ImportError as error:
            raise self._wrong("basic_auth_users needs the package bcrypt: pip install 'flowclass[web]'") from error
        for name, value in self._users.items():
            try:
                bcrypt.checkpw(b"", value)
            except ValueError:
                raise self._wrong(f"the password of {name} is no bcrypt hash (htpasswd -nBC 10 makes one)") from None
        return bcrypt

    def _context(self, settings: Any) -> ssl.SSLContext:
        if not isinstance(settings, dict):
            raise self._wrong("tls_server_config must hold cert_file and key_file")
        self._known(settings, TLS_KEYS, "tls_server_config.")
        auth = settings.get("client_auth_type", "NoClientCert")
        version = settings.get("min_version", "TLS12")
        for name, value, known in (("client_auth_type", auth, CLIENT_AUTH), ("min_version", version, VERSIONS)):
            if value not in known:
                raise self._wrong(f"{name} is {value!r}: expected one of {', '.join(known)}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = VERSIONS[version]
        context.verify_mode = CLIENT_AUTH[auth]
        try:
            context.load_cert_chain(self._file(settings, "cert_file"), self._file(settings, "key_file"))
            if context.verify_mode != ssl.CERT_NONE:
                context.load_verify_locations(self._file(settings, "client_ca_file"))
        except (OSError, ssl.SSLError) as error:
            raise self._wrong(f"certificate, key or client_ca_file cannot be used: {error}") from None
        return context

    def _file(self, settings: dict[str, Any], key: str) -> str:
        """Return a file named in the settings; names are relative to the file that holds them."""
        name = settings.get(key)
        if not isinstance(name, str) or not name:
            raise self._wrong(f"tls_server_config.{key} is missing")
        return str(Path(self._path).parent / name)

    def allows(self, authorization: str) -> bool:
        """Whether an Authorization header (RFC 7617) names a user with the right password; True without users."""
        if not self._users or self._bcrypt is None:
            return True
        scheme, _, encoded = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        if scheme.lower() != "basic":
            return False
        # Only a keyed digest is remembered, never a password.
        mark = hmac.new(self._key, f"{name}:{password}".encode(), hashlib.sha256).digest()
        if mark in self._passed:
            return True
        # bcrypt reads 72 bytes; newer versions refuse more.
        right = self._bcrypt.checkpw(password.encode()[:72], self._users.get(name, _NOBODY))
        if not right or name not in self._users:
            return False
        if len(self._passed) < MOST_REMEMBERED:
            self._passed.add(mark)
        return True
