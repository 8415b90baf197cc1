"""The server of the web page that classifies images in the browser (in-browser inference).

The page runs models with LiteRT.js, which is fetched from npm once, into the user's cache.
"""

import dataclasses
import functools
import hashlib
import http.server
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from trash_keras.data import file_roles
from trash_keras.metadata import ModelMetadata
from trash_keras.storage import local

LISTS = ("package.json", "package-lock.json")  # versions and checksums of what is fetched


def fetch_npm_files(page: Path) -> Path:
    """Returns the folder `node_modules` for a page, after `npm ci` if that was not done yet.

    It lies in `$XDG_CACHE_HOME/trash_keras` (by default `~/.cache/trash_keras`), under a digest of
    the list of versions, so that another version is another folder.

    Args:
        page: Folder with `package.json` and `package-lock.json`.

    Raises:
        OSError: npm is not installed, or it fails.
    """
    digest = hashlib.sha256(b"".join((page / name).read_bytes() for name in LISTS)).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "trash_keras" / f"npm-{digest[:12]}"
    if not folder.exists():
        with local.atomic_write(folder) as temporary:
            temporary.mkdir()
            for name in LISTS:
                shutil.copy(page / name, temporary)
            _install(temporary)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise OSError(
            "The page runs on LiteRT.js, which comes from npm once, and there is no npm here. "
            "Install Node.js (https://nodejs.org, or apt-get install npm), then start this again."
        )
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "A complete log" not in line]
        raise OSError(f"npm could not fetch LiteRT.js for the page: {' '.join(lines[:3])}")


PAGE = Path(__file__).parent / "web"  # in the sources a link to web/ beside the packages
MODEL = "model.tflite"  # the name under which the page asks for it
MOST_CONNECTIONS = 64  # a thread each; a browser opens six
NODE_MODULES = "node_modules"
# What is not listed here is not served.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".tflite": "application/octet-stream",
    ".wasm": "application/wasm",
}
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')


@dataclasses.dataclass(frozen=True)
class Site:
    """The files that are served.

    Attributes:
        model: The `.tflite` file.
        node_modules: Folder of `fetch_npm_files`.
        page: Folder of the page.
    """

    model: Path
    node_modules: Path
    page: Path = PAGE

    @classmethod
    def of(cls, model: str | Path) -> "Site":
        """Returns the site of a model, after its metadata was read.

        Raises:
            ValueError: It is not a `.tflite` file of this project.
            OSError: npm cannot fetch what the page needs.
        """
        file_roles.require("model", model)
        ModelMetadata.read(model)
        if Path(model).suffix != ".tflite":
            raise ValueError(f"The page runs .tflite files (trash-keras export). Received: {model}")
        return cls(Path(model), fetch_npm_files(PAGE))

    def find(self, address: str) -> Path | None:
        """Returns the file for the path of a request, or None where there is nothing to serve."""
        name = unquote(urlsplit(address).path).lstrip("/") or "index.html"
        if name == MODEL:
            return self.model
        top, _, rest = name.partition("/")
        folder, name = (self.node_modules, rest) if top == NODE_MODULES else (self.page, name)
        try:
            file = (folder / name).resolve()
        except (OSError, ValueError):  # a name that no file can have
            return None
        served = file.suffix in TYPES and file.is_relative_to(folder.resolve())
        return file if served and file.is_file() else None

    def policy(self) -> str:
        """Returns the content-security policy of the page, which may not be framed either."""
        text = (self.page / "index.html").read_text(encoding="utf-8")
        (policy,) = _POLICY.findall(text)
        return f"{policy}; frame-ancestors 'none'"  # not allowed in a page itself


def _names_of_machine() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local", socket.getfqdn().lower()}


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20  # seconds for a silent connection

    def __init__(self, site: Site, names: Collection[str], *arguments: Any) -> None:
        self.site, self.names = site, names
        super().__init__(*arguments)

    def do_GET(self) -> None:
        file = self._send_head()
        if file is not None:
            with file.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)

    def do_HEAD(self) -> None:
        self._send_head()

    def _send_head(self) -> Path | None:
        if not self._is_own_name(self.headers.get("Host", "")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return None
        file = self.site.find(self.path)
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", TYPES[file.suffix])
        self.send_header("Content-Length", str(file.stat().st_size))
        if file == self.site.model:
            self.send_header("Content-Disposition", f"inline; filename*=UTF-8''{quote(file.name)}")
        self.end_headers()
        return file

    def _is_own_name(self, host: str) -> bool:
        """Tells whether a page may be asked for by that name.

        A page of another site can have its name point here (DNS rebinding), and would then read
        what is served. An address in numbers cannot be made to.
        """
        name = re.sub(r":\d*$", "", host).strip("[]").rstrip(".").lower()
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self.names
        return True

    def end_headers(self) -> None:
        # The next --model has the same address.
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", self.site.policy())
        self.send_header("Permissions-Policy", "camera=(self)")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        pass  # a line for each file helps nobody


class Server(http.server.ThreadingHTTPServer):
    """Serves a site until it is shut down.

    Attributes:
        address: What to open in a browser.
    """

    def __init__(self, site: Site, host: str = "127.0.0.1", port: int = 0) -> None:
        """Starts to listen.

        Args:
            site: What to serve.
            host: Address of this machine to listen at; 0.0.0.0 for all.
            port: 0 for any that is free.

        Raises:
            OSError: The port is taken, or the host not of this machine.
        """
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        try:
            names = {"", "localhost", host.lower(), *_names_of_machine()}
            super().__init__((host, port), functools.partial(_Handler, site, names))
        except OSError as error:
            raise OSError(f"Cannot listen at {host}:{port}: {error.strerror or error}") from error
        self.address = f"http://{host}:{self.server_port}/"

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
        """Ignores a browser that went away in the middle of a file."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)
