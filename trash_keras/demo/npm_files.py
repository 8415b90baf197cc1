"""LiteRT.js from npm, which the page runs models with: fetched once into the user's cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from trash_keras import files

LISTS = ("package.json", "package-lock.json")  # versions and checksums of what is fetched


def fetch(page: Path) -> Path:
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
        with files.replacing(folder) as temporary:
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
