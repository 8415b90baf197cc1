"""HTTP servers of tests: a handler to build on, and one way to start and to stop one."""

import contextlib
import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps connections open and says nothing; a subclass replies, whatever the method."""

    protocol_version = "HTTP/1.1"

    def reply(self):
        """Sends what a request gets; `self.command` is its method."""
        raise NotImplementedError

    def do_GET(self):
        """Replies."""
        self.reply()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def body(self):
        """Returns what came with the request, bytes."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def respond(self, status, content=b"", headers=None):
        """Sends a status, headers and, but for HEAD, the content."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Says nothing of clients that hang up."""


@contextlib.contextmanager
def serving(handler, **attributes):
    """Serves on a free port of loopback until the block is left.

    Args:
        handler: A subclass of `Handler`.
        attributes: Of the server, which a handler knows as `self.server`.

    Yields:
        The server, with its address as `url`.
    """
    with _Server(("127.0.0.1", 0), handler) as server:
        vars(server).update(attributes)
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
