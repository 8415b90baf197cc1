"""What the web pages on this machine have in common: their server, its headers and file types."""

import http.server
import ipaddress
import re
import socket
import ssl
import sys
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

from trash_keras.serving import network

# What is not listed here is not served.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tflite": "application/octet-stream",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
MOST_CONNECTIONS = 64  # a thread each; a browser opens six
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')


def policy(page: Path) -> str:
    """Returns the content-security policy of a page, which may not be framed either.

    Args:
        page: Folder with `index.html`, which has the policy.
    """
    (found,) = _POLICY.findall((page / "index.html").read_text(encoding="utf-8"))
    return f"{found}; frame-ancestors 'none'"  # not allowed in a page itself


class Handler(http.server.BaseHTTPRequestHandler):
    """Responds with the headers that each page needs.

    Attributes:
        policy: The content-security policy.
        permissions: The permissions policy.
    """

    protocol_version = "HTTP/1.1"
    timeout = 20  # seconds for a silent connection
    policy: str
    permissions = ""
    server: "Server"

    def parse_request(self) -> bool:
        """Refuses requests by a name that is not the machine's.

        A page of another site can have its name point here (DNS rebinding), and would then read
        what is served. An address in numbers cannot be made to.
        """
        if not super().parse_request():
            return False
        name = re.sub(r":\d*$", "", self.headers.get("Host", "")).strip("[]").rstrip(".").lower()
        try:
            ipaddress.ip_address(name)
        except ValueError:
            if name not in self.server.names:
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
                return False
        return True

    def send(self, content: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Responds with some content.

        Args:
            content: The body.
            kind: Its type, as in "image/jpeg".
            status: Of the response.
        """
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self) -> None:
        """Ends the headers with those that each response has."""
        # The next command has the same address.
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.policy)
        self.send_header("Permissions-Policy", self.permissions)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing: a line for each file helps nobody."""


def host_names(host: str) -> set[str]:
    """Returns the names by which a server that listens at `host` may be asked for."""
    name = socket.gethostname().lower()
    return {"", "localhost", host.lower(), name, f"{name.partition('.')[0]}.local"}


class Server(http.server.ThreadingHTTPServer):
    """Serves a page until it is shut down.

    Attributes:
        address: What to open in a browser of this machine.
        lan_address: What to open on other devices of the network; None where they reach nothing.
        names: Of the host, by which it may be asked for.
    """

    def __init__(
        self,
        handler: Any,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Starts to listen.

        Args:
            handler: Makes a `Handler` for each connection.
            host: Address of this machine to listen at; 0.0.0.0 for all.
            port: 0 for any that is free.
            tls: For https; None for plain http.

        Raises:
            OSError: The port is taken, or the host not of this machine.
        """
        self.names = host_names(host)
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        try:
            super().__init__((host, port), handler)
        except OSError as error:
            raise OSError(f"Cannot listen at {host}:{port}: {error.strerror or error}") from error
        start, end = "https" if tls else "http", f":{self.server_port}/"
        self.address = f"{start}://{network.local_address(host)}{end}"
        lan = network.lan_address(host)
        self.lan_address = lan and f"{start}://{lan}{end}"
        if tls:
            # The handshake is the first read of a connection's own thread, which does not wait for
            # ever: in `accept` one silent client would keep out all others.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handles a connection in a thread; hangs up where there are too many."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Frees the place at the end of the thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a browser that went away in the middle of a file, or refuses the certificate."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError | ssl.SSLError):
            super().handle_error(request, client_address)
