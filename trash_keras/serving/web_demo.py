"""The server of the web page that classifies images in the browser (in-browser inference).

The page runs models with LiteRT.js, which is fetched from npm once, into the user's cache.
"""

import dataclasses
import functools
import hashlib
import io
import json
import os
import shutil
import ssl
import subprocess
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from trash_keras.data import file_roles
from trash_keras.host.packages import install_hint
from trash_keras.metadata import ModelMetadata
from trash_keras.serving import network, pages
from trash_keras.storage import addresses, local, names

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
# Of the page's folder; what else lies there is for npm.
PARTS = ("*.css", "*.html", "*.js", "*.svg", "*.webmanifest", "examples/*.jpg", "icons/*.png")
MODEL = "model.tflite"  # the name under which the page asks for it
FACTS = "site.json"  # what the page cannot know of itself
QR_CODE = "qr.svg"
# Address -> file in node_modules. Of LiteRT's builds the one for WebAssembly without relaxed SIMD,
# which not every Safari has: it is slower and runs in all browsers, with the same predictions.
RUNTIME = {
    "runtime/core.js": "@litertjs/core/dist/index.js",
    "runtime/wasm-utils.js": "@litertjs/wasm-utils/dist/index.js",
    **{
        f"runtime/{name}": f"@litertjs/core/wasm/{name}"
        for name in ("litert_wasm_compat_internal.js", "litert_wasm_compat_internal.wasm")
    },
}
REPOSITORY = "TRASH_KERAS_REPOSITORY"  # the variable with the address that the page links to


def project() -> str | None:
    """Returns the web address that the page links to; None where `REPOSITORY` has none."""
    found = addresses.public_value(os.environ.get(REPOSITORY, ""))
    return found if found.startswith(("https://", "http://")) else None


@dataclasses.dataclass(frozen=True)
class Site:
    """The files of the page.

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

    @functools.cached_property
    def files(self) -> dict[str, Path]:
        """Address -> file, for all but what is made for the page: `FACTS` and `QR_CODE`."""
        parts = (file for part in PARTS for file in sorted(self.page.glob(part)))
        return {
            **{file.relative_to(self.page).as_posix(): file for file in parts},
            **{address: self.node_modules / name for address, name in RUNTIME.items()},
            MODEL: self.model,
        }

    def facts(self, **more: Any) -> bytes:
        """Returns `FACTS`: JSON with the model's name, the examples and the project's address.

        Args:
            more: Further facts.
        """
        facts = {
            "model": names.printable(self.model.name),
            "examples": [address for address in self.files if address.startswith("examples/")],
            "project": project(),
        }
        return json.dumps(facts | more, indent=1).encode()


class _Handler(pages.Handler):
    permissions = "camera=(self)"
    server: "Server"

    def __init__(self, site: Site, *arguments: Any) -> None:
        self.site, self.policy = site, pages.policy(site.page)
        super().__init__(*arguments)

    def do_GET(self) -> None:  # noqa: N802 its base class calls it so
        content = self._send_head()
        if content is not None:
            with content:
                shutil.copyfileobj(content, self.wfile)

    def do_HEAD(self) -> None:  # noqa: N802 its base class calls it so
        content = self._send_head()
        if content is not None:
            content.close()

    def _send_head(self) -> BinaryIO | None:
        name = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
        content = self._open(name)
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", pages.TYPES[Path(name).suffix])
        self.send_header("Content-Length", str(content.seek(0, os.SEEK_END)))
        content.seek(0)
        self.end_headers()
        return content

    def _open(self, name: str) -> BinaryIO | None:
        if name == FACTS:
            return io.BytesIO(self.site.facts(**self.server.facts))
        if name == QR_CODE and self.server.qr_code:
            return io.BytesIO(self.server.qr_code.encode())
        file = self.site.files.get(name)
        return file.open("rb") if file and file.is_file() else None


class Server(pages.Server):
    """Serves a site until it is shut down.

    Attributes:
        facts: What the page is told of how to reach it from other devices.
        qr_code: Of its address there, SVG; None where there is none or the package is missing.
    """

    def __init__(
        self,
        site: Site,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Starts to listen.

        Args:
            site: What to serve.
            host: As of `pages.Server`.
            port: As of `pages.Server`.
            tls: As of `pages.Server`.

        Raises:
            OSError: As `pages.Server`.
        """
        super().__init__(functools.partial(_Handler, site), host, port, tls)
        self.facts: dict[str, str | None] = {}
        self.qr_code = None
        if self.lan_address:
            self.qr_code = network.qr_code(self.lan_address, "svg")
            hint = None if self.qr_code else install_hint("demo")
            self.facts = {"lan": self.lan_address, "qr": self.qr_code and QR_CODE, "hint": hint}
