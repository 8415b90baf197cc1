"""Prepares a data set: Hugging Face, gs://, s3://, https://, archives, folders -> class folders."""

import dataclasses
import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from trash_keras.data import corrections, trashnet
from trash_keras.data.sources import archives, downloads, install, remotes, synthetic
from trash_keras.storage.addresses import public_value
from trash_keras.storage.local import remove

SOURCES = (
    "trashnet (from Hugging Face), synthetic (drawn images), an address gs://, s3://, hf://, "
    "http:// or https://, a local .zip, .tar, .tar.gz or .tgz, or a local folder"
)
TRASHNET_REPOSITORY, TRASHNET_ARCHIVE = "garythung/trashnet", "dataset-resized.zip"


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What is in the data folder.

    Attributes:
        counts: Class name -> number of images.
        already: True when it was there before and nothing was done.
    """

    counts: dict[str, int]
    already: bool


@dataclasses.dataclass(frozen=True)
class Request:
    """What to prepare, and the limits that it must keep.

    Attributes:
        source: One of SOURCES.
        sha256: Checksum that an archive must have, 64 hexadecimal digits; empty for any.
        max_unpacked_gigabytes: Largest size of an archive, of its content, or of a folder.
        expected_counts: Class name -> images that there must be; None for any, and for
            `trashnet` the counts of TrashNet.
        images_per_class: Images drawn for each class of `synthetic`.
        seed: Decides what is drawn.
        apply: A list of corrections to the images, see `data.corrections`; empty for none.
    """

    source: str
    sha256: str = ""
    max_unpacked_gigabytes: float = 20.0
    expected_counts: Mapping[str, int] | None = None
    images_per_class: int = 60
    seed: int = 0
    apply: str = ""

    def __post_init__(self) -> None:
        if self.sha256 and not re.fullmatch("[0-9a-fA-F]{64}", self.sha256):
            raise ValueError(f"--sha256 must have 64 hexadecimal digits. Received: {self.sha256!r}")
        if self.sha256 and self.source == "synthetic":
            raise ValueError("--sha256 is the checksum of an archive; synthetic has none.")

    @property
    def place(self) -> str:
        """Where the images are; of an address scheme, host and path."""
        if self.source == "synthetic":
            return f"synthetic, {self.images_per_class} images a class, seed {self.seed}"
        if self.source == "trashnet" or "://" in self.source:
            return public_value(self.source)
        return str(Path(self.source).expanduser().resolve())

    @property
    def name(self) -> str:
        """The source as the marker records it, with the list that corrects it."""
        if not self.apply:
            return self.place
        digest = corrections.digest(self.apply)
        return f"{self.place}, corrected by {Path(self.apply).name} (SHA-256 {digest})"

    @property
    def maximum_bytes(self) -> int:
        """The size bound in bytes."""
        return int(self.max_unpacked_gigabytes * 1e9)


def prepare_dataset(request: Request, data_dir: str | os.PathLike) -> Prepared:
    """Brings images into class folders, all or nothing; does nothing if they are there already.

    Args:
        request: What to prepare.
        data_dir: Folder to make; it may exist if it is empty. Missing parents are made. An
            interrupted download is kept beside it in a hidden file, to be continued.

    Returns:
        The images by class.

    Raises:
        ValueError: The source is unknown, its content is refused or fails a check, or
            `data_dir` holds something else.
        OSError: The source cannot be read, or the folder cannot be written.
        ImportError: The client of the source is not installed.
    """
    target = Path(data_dir).expanduser().resolve()
    if request.apply:
        corrections.read(request.apply)  # before a download of hours
    if (there := install.installed(target, request.name, request.sha256)) is not None:
        return Prepared(there, already=True)
    with install.alone(target):
        return _prepare(request, target)


def _prepare(request: Request, target: Path) -> Prepared:
    there = install.installed(target, request.name, request.sha256)
    if there is not None:
        return Prepared(there, already=True)
    if request.source == "synthetic":
        count, seed = request.images_per_class, request.seed
        counts = _install(
            target, request, lambda folder: synthetic.write_images(folder, count, seed)
        )
    elif request.source == "trashnet":
        expected = trashnet.COUNTS if request.expected_counts is None else request.expected_counts
        request = dataclasses.replace(request, expected_counts=expected)
        counts = _install_archive(target, request, _trashnet())
    elif (local := Path(request.source).expanduser()).is_file():
        counts = _install_archive(target, request, local)
    elif "://" in request.source or local.is_dir():
        counts = _install_remote(target, request)
    else:
        raise ValueError(f"There is no source {request.source!r}. It may be {SOURCES}.")
    return Prepared(counts, already=False)


def _trashnet() -> Path:
    """Returns TrashNet's archive of 512x384 images, in the cache of huggingface_hub.

    The repository holds every image twice; only the one file is taken.
    """
    import huggingface_hub

    remotes.quiet_clients()
    name, attempts = f"{TRASHNET_REPOSITORY} on Hugging Face", remotes.ATTEMPTS_OF_RETRYING_CLIENTS
    try:
        path = remotes.Retrier(name, attempts).call(
            lambda: huggingface_hub.hf_hub_download(
                TRASHNET_REPOSITORY, TRASHNET_ARCHIVE, repo_type="dataset"
            )
        )
    except OSError as error:
        raise OSError(
            f"{error} A copy of the archive serves as well: --source=PATH/{TRASHNET_ARCHIVE}"
        ) from error
    return Path(path)


def _install_remote(target: Path, request: Request) -> dict[str, int]:
    is_local = "://" not in request.source
    remote = remotes.connect(request.place if is_local else request.source)
    kind = remote.retrier().call(remote.info)["type"]
    if kind == "directory":
        if request.sha256:
            raise ValueError(
                f"--sha256 is the checksum of an archive, but {remote.name} is a folder."
            )
        if is_local and Path(request.place) in (target, *target.parents):
            raise ValueError(f"--data_dir must not lie in the source folder. Received: {target}")
        part = downloads.download_folder(remote, target, request.maximum_bytes)
        return _install(target, request, part.rename)
    part = downloads.download_file(remote, target, request.maximum_bytes)
    try:
        counts = _install_archive(target, request, part)
    except ValueError:
        remove(part)  # refused: trying again needs other bytes
        raise
    remove(part)
    return counts


def _install_archive(target: Path, request: Request, archive: Path) -> dict[str, int]:
    with archive.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if request.sha256 and sha256 != request.sha256.lower():
        raise ValueError(
            f"{request.place} has the SHA-256 {sha256}, not the {request.sha256.lower()} of "
            "--sha256. Nothing was kept."
        )
    size = request.maximum_bytes
    return _install(target, request, lambda folder: archives.unpack(archive, folder, size), sha256)


def _install(
    target: Path, request: Request, fill: Callable[[Path], object], sha256: str = ""
) -> dict[str, int]:
    def correct(folder: Path) -> None:
        corrections.apply(corrections.read(request.apply), folder, request.apply)

    change = correct if request.apply else None
    return install.install(target, request.name, fill, sha256, request.expected_counts, change)
