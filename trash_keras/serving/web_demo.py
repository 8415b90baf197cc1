"""The server of the web page that classifies images in the browser (in-browser inference).

The page runs models with LiteRT.js, which is fetched from npm once, into the user's cache.
"""

import dataclasses
import functools
import hashlib
import os
import shutil
import subprocess
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from trash_keras.data import file_roles
from trash_keras.metadata import ModelMetadata
from trash_keras.serving import pages
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
NODE_MODULES = "node_modules"


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
        served = file.suffix in pages.TYPES and file.is_relative_to(folder.resolve())
        return file if served and file.is_file() else None


class _Handler(pages.Handler):
    permissions = "camera=(self)"

    def __init__(self, site: Site, *arguments: Any) -> None:
        self.site, self.policy = site, pages.policy(site.page)
        super().__init__(*arguments)

    def do_GET(self) -> None:  # noqa: N802 its base class calls it so
        file = self._send_head()
        if file is not None:
            with file.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)

    def do_HEAD(self) -> None:  # noqa: N802 its base class calls it so
        self._send_head()

    def _send_head(self) -> Path | None:
        file = self.site.find(self.path)
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", pages.TYPES[file.suffix])
        self.send_header("Content-Length", str(file.stat().st_size))
        if file == self.site.model:
            self.send_header("Content-Disposition", f"inline; filename*=UTF-8''{quote(file.name)}")
        self.end_headers()
        return file


class Server(pages.Server):
    """Serves a site until it is shut down."""

    def __init__(self, site: Site, host: str = "127.0.0.1", port: int = 0) -> None:
        """Starts to listen.

        Args:
            site: What to serve.
            host: As of `pages.Server`.
            port: As of `pages.Server`.

        Raises:
            OSError: As `pages.Server`.
        """
        super().__init__(functools.partial(_Handler, site), host, port)
