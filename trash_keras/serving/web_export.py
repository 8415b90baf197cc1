"""The web page as a static folder that any web server can host, and that works offline.

All but two files lie in a folder that is named by the content of all, so a page never mixes those
of two exports. A service worker (https://w3c.github.io/ServiceWorker/) keeps them for offline use.
"""

import base64
import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from trash_keras.serving.web_demo import FACTS, Site
from trash_keras.storage import local
from trash_keras.storage.names import printable

PAGE, WORKER, MANIFEST = "index.html", "service_worker.js", "manifest.webmanifest"
START = "./"  # what a server gives index.html for; some answer to its own name with a redirection
# Without this file GitHub Pages may leave out what its site generator does not know.
NO_GENERATOR = ".nojekyll"
# The lines of the service worker that an export fills in.
_VERSION = re.compile(r'^const VERSION = "\w*";$', re.MULTILINE)
_FILES = re.compile(r"^const FILES = (\{.*\});$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Written:
    """What an export wrote.

    Attributes:
        folder: Where it lies.
        files: How many.
        size: Of all, bytes.
    """

    folder: Path
    files: int
    size: int


def write(site: Site, target: str | os.PathLike) -> Written:
    """Writes the page of a site, whole or not at all.

    Args:
        site: What to write.
        target: A folder that is new, empty or an earlier export, which is replaced.

    Returns:
        What was written.

    Raises:
        ValueError: The folder holds something that no export wrote.
        OSError: It cannot be written.
    """
    require_replaceable(target)
    folder = Path(target).resolve()
    facts = site.facts(offline=True)
    version = _version(site, facts)
    with local.atomic_write(folder) as temporary:
        for address, file in site.files.items():
            copied = temporary / ("" if address in (PAGE, WORKER) else version) / address
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copied)  # without its mode: npm makes programs of some
        (temporary / version / FACTS).write_bytes(facts)
        _point_to(version, temporary)
        _list_files(temporary, version)
        (temporary / NO_GENERATOR).touch()
        sizes = [file.stat().st_size for file in temporary.rglob("*") if file.is_file()]
    return Written(folder, len(sizes), sum(sizes))


def require_replaceable(target: str | os.PathLike) -> None:
    """Checks that nothing is lost when an export is written to a folder.

    Raises:
        ValueError: It is no folder, or it holds a file that no export wrote, or that was changed.
    """
    path = os.fspath(target)
    if not path or "://" in path:
        raise ValueError(f"--export takes a folder on this machine. Received: {path or 'nothing'}")
    local.require_folder("export", path)
    listed = _listed(Path(path))
    for file in Path(path).rglob("*"):
        name = file.relative_to(path).as_posix()
        if file.is_symlink() or (not file.is_dir() and listed.get(name) != _digest(file)):
            raise ValueError(
                f"--export replaces only what it wrote, and {printable(name)} in {printable(path)} "
                "is something else, or was changed. Name another folder."
            )


def _version(site: Site, facts: bytes) -> str:
    """Returns 16 letters that stand for the content of all files."""
    files = {address: _digest(file) for address, file in site.files.items()}
    return hashlib.sha256(json.dumps(files).encode() + facts).hexdigest()[:16]


def _point_to(version: str, folder: Path) -> None:
    """Lets the page find its files in the folder of their version, and its manifest the page."""
    page, manifest = folder / PAGE, folder / version / MANIFEST
    text = page.read_text(encoding="utf-8")
    # In front of the content-security policy, which allows none.
    start, head, rest = text.partition("<head>\n")
    page.write_text(f'{start}{head}<base href="{version}/">\n{rest}', encoding="utf-8")
    found = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(found | dict.fromkeys(("id", "start_url", "scope"), "../")))


def _list_files(folder: Path, version: str) -> None:
    """Tells the service worker its version, and which files there are, by their digests."""
    worker = folder / WORKER
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    digests = {name: _digest(folder / name) for name in sorted(names) if name != WORKER}
    files = json.dumps({START if name == PAGE else name: digests[name] for name in digests})
    source = worker.read_text(encoding="utf-8")
    for line, value in (
        (_VERSION, f'const VERSION = "{version}";'),
        (_FILES, f"const FILES = {files};"),
    ):
        (found,) = line.finditer(source)
        source = source[: found.start()] + value + source[found.end() :]
    worker.write_text(source, encoding="utf-8")


def _listed(folder: Path) -> dict[str, str]:
    """Returns name -> digest of what an earlier export wrote; nothing for other folders."""
    try:
        found = _FILES.search((folder / WORKER).read_text(encoding="utf-8"))
        files = json.loads(found[1]) if found else {}
    except (OSError, ValueError):
        return {}
    listed = {PAGE if name == START else name: digest for name, digest in files.items()}
    # These two cannot be listed: one holds the list, and not every server gives out the other.
    return listed | {name: _digest(folder / name) for name in (WORKER, NO_GENERATOR) if files}


def _digest(file: Path) -> str:
    """Returns the SHA-256 of a file as browsers take it (subresource integrity)."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
