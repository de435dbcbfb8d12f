"""Host module: the service's HTTP side: /metrics, /-/healthy, /-/ready, POST /-/reload, and / for people.

Requests are served by threads of their own, a bounded number at a time; each has some seconds to send its request, so
that a slow or silent client keeps nobody else waiting.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from flowclass.errors import UsageError
from flowclass.metrics.collector import Collector
from flowclass.metrics.health import View
from flowclass.metrics.page import StatusPage
from flowclass.metrics.webconfig import WebConfig

#: Longest silence of a client, in its request or while it takes the answer.
TIMEOUT_S = 10.0
#: Requests served at once. When one more comes, the one that has taken longest has to go: a client that sends a byte
#: every now and then is never silent for long, and must not keep the scraper out.
MOST_REQUESTS = 16


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port`` or ``[host]:port``.

    Raises
    ------
    UsageError
        It is neither.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise UsageError(f"metrics.listen is {text!r}: expected address:port, such as 127.0.0.1:9799")
    return host.strip("[]"), int(port)


class _Handler(WSGIRequestHandler):
    timeout = TIMEOUT_S  # type: ignore[assignment]

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a line for each scrape would bury the rest."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, listen: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        self.tls = tls
        self._lock = threading.Lock()
        #: sockets of the requests in hand, the oldest first
        self._open: dict[int, socket.socket] = {}
        super().__init__(listen, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            while len(self._open) >= MOST_REQUESTS:
                with suppress(OSError):
                    # Not SSLSocket's own, which would pull TLS from under the thread that is using it.
                    socket.socket.shutdown(self._open.pop(next(iter(self._open))), socket.SHUT_RDWR)
            self._open[id(request)] = request
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            # The handshake is the client's to delay: it happens here, not where connections are accepted.
            secured = self._secured(request)
            if secured is not None:
                super().process_request_thread(secured, client_address)
        finally:
            with self._lock:
                self._open.pop(id(request), None)

    def _secured(self, request: Any) -> Any:
        """Return the connection to speak HTTP over, None for a client that fails the handshake."""
        tls = self.tls
        if tls is None:
            return request
        held = request
        try:
            request.settimeout(TIMEOUT_S)
            held = tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
            with self._lock:
                # Wrapping has taken the connection over, unless it was sent away meanwhile.
                if id(request) in self._open:
                    self._open[id(request)] = held
            held.do_handshake()
            return held
        except OSError:  # ssl.SSLError is one too
            self.shutdown_request(held)
            return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away or is too slow is its own affair."""


class MetricsServer:
    """Serves the metrics of a View until ``close``.

    Parameters
    ----------
    listen : address and port; port 0 takes a free one
    view : the counters
    reload : called for POST /-/reload
    web : TLS and users, None for plain HTTP and everybody

    Attributes
    ----------
    port : the port in use

    Raises
    ------
    UsageError
        The address cannot be listened on.
    """

    def __init__(
        self, listen: tuple[str, int], view: View, reload: Callable[[], None], web: WebConfig | None = None
    ) -> None:
        registry = CollectorRegistry()
        registry.register(Collector(view))
        self._metrics = make_wsgi_app(registry, disable_compression=True)
        self._view = view
        self._page = StatusPage(view)
        self._reload = reload
        self._web = web
        try:
            self._server = _Server(listen, web.tls if web is not None else None)
        except OSError as error:
            raise UsageError(f"metrics.listen {listen[0]}:{listen[1]}: {error.strerror or error}") from error
        self._server.set_app(self._answer)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def use(self, web: WebConfig | None) -> None:
        """Ask who comes from now on for this."""
        self._web = web
        self._server.tls = web.tls if web is not None else None

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if self._web is not None and not self._web.allows(environ.get("HTTP_AUTHORIZATION", "")):
            return _say(start_response, HTTPStatus.UNAUTHORIZED, "a user name and a password are needed\n")
        path, method = environ.get("PATH_INFO", "/"), environ.get("REQUEST_METHOD", "GET")
        if path == "/-/reload":
            if method != "POST":
                return _say(start_response, HTTPStatus.METHOD_NOT_ALLOWED, "use POST\n")
            self._reload()
            return _say(start_response, HTTPStatus.OK, "the settings will be read again\n")
        if method not in ("GET", "HEAD"):
            return _say(start_response, HTTPStatus.METHOD_NOT_ALLOWED, "use GET\n")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, start_response)
            return answer
        if path == "/-/healthy":
            return _say(start_response, HTTPStatus.OK, "healthy\n")
        if path == "/-/ready":
            up = self._view.health.up
            status = HTTPStatus.OK if up else HTTPStatus.SERVICE_UNAVAILABLE
            return _say(start_response, status, "ready\n" if up else "an interface cannot be read\n")
        if path == "/":
            return _say(start_response, HTTPStatus.OK, self._page.text(), "text/html; charset=utf-8")
        return _say(start_response, HTTPStatus.NOT_FOUND, "no such page; see /\n")


def _say(start_response: Any, status: HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8") -> list[bytes]:
    body = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", 'Basic realm="flowclass"'))
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]
