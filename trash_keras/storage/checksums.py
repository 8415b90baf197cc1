"""Checksums of what a run keeps: damage is noticed before a file is used.

A disk, a network folder or a copy that broke off can change bytes, and most formats are read
nevertheless. So beside a FILE lies `.FILE.sha256`, with a hash in place of a name that is too long.
It is written first and has the checksum of the file before, too: a kill between the two writes is
no damage.
"""

import hashlib
import os
from pathlib import Path

HOW = "Put back a copy of it; or delete it, and the command that wrote it makes it anew."


# Most file systems take names of 255 bytes, and `note` adds `.` and `.sha256.tmp`.
_LONGEST = 255 - len("..sha256.tmp")


def _beside(path: Path) -> Path:
    name = os.fsencode(path.name)
    if len(name) > _LONGEST:
        return path.with_name(f".{hashlib.sha256(name).hexdigest()}.sha256")
    return path.with_name(f".{path.name}.sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _noted(path: Path) -> list[str]:
    try:
        return _beside(path).read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []


def note(path: str | os.PathLike, content: str | os.PathLike) -> None:
    """Notes the checksum that a file will have.

    Args:
        path: The file, which may be there already, with other content.
        content: The file that takes its place next.
    """
    path = Path(path)
    lines = [_sha256(Path(content)), *_noted(path)[:1]]
    temporary = _beside(path).with_suffix(".sha256.tmp")
    try:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
        temporary.replace(_beside(path))
    finally:
        temporary.unlink(missing_ok=True)  # where there is no space for it


def is_whole(path: str | os.PathLike) -> bool:
    """Tells whether a file is there as it was written; also where no checksum was noted."""
    path = Path(path)
    if not path.is_file():
        return False
    noted = _noted(path)
    return not noted or _sha256(path) in noted


def require(path: str | os.PathLike) -> None:
    """Checks a file before it is used; one that is not there is left to its reader.

    Raises:
        ValueError: It is not as it was written.
    """
    if Path(path).is_file() and not is_whole(path):
        raise ValueError(f"{path} is damaged: its content is not what was written. {HOW}")


def forget(path: str | os.PathLike) -> None:
    """Removes what was noted of a file, which is written by other means or removed."""
    _beside(Path(path)).unlink(missing_ok=True)
