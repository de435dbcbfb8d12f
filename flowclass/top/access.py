"""Host module: Access, how a service behind a web configuration is asked: from a file in Prometheus' http_config form.

The form is that of ``promtool --http.config.file`` (https://prometheus.io/docs/prometheus/latest/configuration/
configuration/#http_config), of which ``basic_auth`` and ``tls_config`` are read. Secrets stand in a file, because a
command line and an environment are open to others. Needs the package pyyaml (``pip install flowclass[web]``).
"""

from __future__ import annotations

import base64
import difflib
import ssl
import urllib.request
from pathlib import Path
from typing import Any

from flowclass.errors import UsageError

KEYS = {
    "": ("basic_auth", "tls_config"),
    "basic_auth": ("username", "password", "password_file"),
    "tls_config": ("ca_file", "cert_file", "key_file"),
}


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows nobody: a password is for the service that was named."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""


class Access:
    """What to show a service so that it answers; nothing without a file.

    Parameters
    ----------
    path : the file, None for a service that asks for nothing

    Raises
    ------
    UsageError
        The file, a key in it or what it points to cannot be used.
    """

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        content = {} if path is None else self._checked(self._read(path), "")
        basic, tls = (self._checked(content.get(name) or {}, name) for name in ("basic_auth", "tls_config"))
        self._authorization = self._basic(basic)
        handlers: list[urllib.request.BaseHandler] = [_StayHere()]
        if tls:
            handlers.append(urllib.request.HTTPSHandler(context=self._context(tls)))
        self._opener = urllib.request.build_opener(*handlers)

    def open(self, url: str, patience_s: float) -> Any:
        """Return the answer of an address, as ``urllib.request.urlopen`` does."""
        headers = {"Authorization": self._authorization} if self._authorization else {}
        return self._opener.open(urllib.request.Request(url, headers=headers), timeout=patience_s)  # noqa: S310

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"--http-config {self._path}: {what}")

    def _read(self, path: str) -> Any:
        try:
            import yaml
        except ImportError as error:
            raise self._wrong("needs the package pyyaml: pip install 'flowclass[web]'") from error
        try:
            return yaml.safe_load(Path(path).read_text())
        except OSError as error:
            raise self._wrong(error.strerror or str(error)) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise self._wrong(f"not YAML: {error}") from None

    def _checked(self, table: Any, where: str) -> dict[str, Any]:
        """Return a table of the file whose keys are all known."""
        if not isinstance(table, dict):
            raise self._wrong(f"{where or 'the file'} must hold {' or '.join(KEYS[where])}")
        for key in table:
            if key not in KEYS[where]:
                close = difflib.get_close_matches(str(key), KEYS[where], 1)
                raise self._wrong(f"unknown key {key}" + (f"; did you mean {close[0]}?" if close else ""))
        return table

    def _file(self, name: Any) -> Path:
        """Return a file named in the file, relative to it."""
        return Path(self._path or "").parent / str(name)

    def _basic(self, table: dict[str, Any]) -> str:
        """Return the Authorization header (RFC 7617), empty without a user."""
        if not table:
            return ""
        try:
            secret = table.get("password")
            if "password_file" in table:
                secret = self._file(table["password_file"]).read_text().strip()
        except OSError as error:
            raise self._wrong(f"password_file: {error.strerror}") from None
        if secret is None or "username" not in table:
            raise self._wrong("basic_auth must hold username, and password or password_file")
        return "Basic " + base64.b64encode(f"{table['username']}:{secret}".encode()).decode()

    def _context(self, table: dict[str, Any]) -> ssl.SSLContext:
        """Return how to speak TLS: whom to believe, and who we are."""
        try:
            context = ssl.create_default_context(cafile=self._file(table["ca_file"]) if "ca_file" in table else None)
            if "cert_file" in table:
                key = self._file(table["key_file"]) if "key_file" in table else None
                context.load_cert_chain(self._file(table["cert_file"]), key)
        except (OSError, ssl.SSLError) as error:
            raise self._wrong(f"tls_config: {error}") from None
        return context
