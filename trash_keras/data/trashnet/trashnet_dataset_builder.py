"""The tensorflow-datasets (tfds) builder of TrashNet.

    tfds build trash_keras/data/trashnet
    tfds build trashnet --imports=trash_keras.data.trashnet.trashnet_dataset_builder

or, from Python, after importing this module, which registers the name:

    tensorflow_datasets.load("trashnet", split="train")

The `tfds` command needs mlcroissant and Apache Beam, which tensorflow-datasets does not require.
With no network, add `--manual_dir=DIR`, a folder that holds dataset-resized.zip or the class
folders.
"""

import io
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import tensorflow_datasets
from absl import logging

from trash_keras.data.catalog import Catalog, FilesByClass, format_counts
from trash_keras.data.image_listing import is_hidden, is_image
from trash_keras.data.trashnet import COUNTS, official_lists

URL = "https://huggingface.co/datasets/garythung/trashnet/resolve/main/dataset-resized.zip"
FOLDER = "dataset-resized"  # what the archive unpacks to
SPLITS = {"train": "train", "validation": "valid", "test": "test"}  # names of tfds -> ours
_TIMEOUT_SECONDS = 20

Folder = Path | zipfile.Path  # the same methods, unpacked or not


class Builder(tensorflow_datasets.core.GeneratorBasedBuilder):
    """Writes the official splits, each in the order of `Catalog.examples`.

    In that order training can stream the records, whichever of them a split of ours asks for.
    """

    VERSION = tensorflow_datasets.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "The resized images with the authors' splits."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"""
    Needed only on a machine with no network: put {FOLDER}.zip, or the six class folders that it
    holds, into manual_dir. The archive is at {URL}
    """

    def _info(self) -> tensorflow_datasets.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tensorflow_datasets.features.FeaturesDict(
                {
                    "image": tensorflow_datasets.features.Image(
                        shape=(None, None, 3), encoding_format="jpeg"
                    ),
                    "label": tensorflow_datasets.features.ClassLabel(names=list(COUNTS)),
                    "file": tensorflow_datasets.features.Text(doc="Path within the class folders."),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://github.com/garythung/trashnet",
            license="MIT",
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tensorflow_datasets.download.DownloadManager
    ) -> dict[str, Any]:
        folder = _class_folders(dl_manager)
        files = _scan(folder)
        counts = {name: len(paths) for name, paths in files.items()}
        if counts != COUNTS:
            raise ValueError(
                f"TrashNet has {format_counts(COUNTS)} images. Found {format_counts(counts)} in "
                f"{folder}. Fetch {FOLDER}.zip again: {URL}"
            )
        splits = official_lists.predefined_splits(files, official_lists.LISTS_DIR)
        catalog = Catalog(tuple(COUNTS), splits)
        return {
            theirs: self._generate_examples(folder, catalog.examples(ours)[0])
            for theirs, ours in SPLITS.items()
        }

    def _generate_examples(
        self, folder: Folder, paths: Sequence[str]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, path in enumerate(paths):
            try:
                encoded = folder.joinpath(path).read_bytes()
            except zipfile.BadZipFile as error:
                raise ValueError(f"{path} is damaged in {folder}: {error}") from error
            label = path.split("/")[0]
            yield index, {"image": io.BytesIO(encoded), "label": label, "file": path}


def _class_folders(dl_manager: tensorflow_datasets.download.DownloadManager) -> Folder:
    """Returns the folder of class folders: from manual_dir, or else downloaded."""
    try:
        manual_dir = dl_manager.manual_dir
    except AssertionError as error:  # what tfds raises for a missing or empty folder
        logging.info("%s", error)
        return _download(dl_manager)
    archive = manual_dir / f"{FOLDER}.zip"
    if folder := _find(manual_dir) or (_open(archive) if archive.exists() else None):
        return folder
    if manual_dir == dl_manager.download_dir / "manual":
        return _download(dl_manager)  # the default, which datasets share
    found = ", ".join(sorted(entry.name for entry in manual_dir.iterdir())[:10])
    raise ValueError(
        f"manual_dir must hold {FOLDER}.zip or the class folders {', '.join(COUNTS)}. "
        f"Found in {manual_dir}: {found}."
    )


def _download(dl_manager: tensorflow_datasets.download.DownloadManager) -> Folder:
    try:
        # tfds itself tries for minutes before it gives up.
        request = urllib.request.Request(URL, method="HEAD")
        urllib.request.build_opener().open(request, timeout=_TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError:
        pass  # a server responds; what that means is for tfds to find out
    except OSError as error:
        if any((dl_manager.download_dir / Builder.name).glob("*.zip")):
            return _open(dl_manager.download(URL))  # from an earlier time
        raise ValueError(
            f"{URL} cannot be reached: {error}. A manual_dir with {FOLDER}.zip serves instead."
        ) from error
    return _open(dl_manager.download(URL))


def _open(archive: Path) -> Folder:
    """Looks into the archive without unpacking it; reading checks each image's CRC-32."""
    try:
        folder = _find(zipfile.Path(zipfile.ZipFile(archive.open("rb"))))
    except zipfile.BadZipFile as error:
        raise ValueError(f"{archive} is not a whole zip archive: {error}. Fetch {URL}") from error
    if folder is None:
        raise ValueError(
            f"{archive} must hold the class folders {', '.join(COUNTS)}, in {FOLDER} or on top."
        )
    return folder


def _find(folder: Folder) -> Folder | None:
    for candidate in (folder, folder / FOLDER):
        if any((candidate / name).is_dir() for name in COUNTS):
            return candidate
    return None


def _scan(folder: Folder) -> FilesByClass:
    return {
        name: tuple(
            sorted(
                f"{name}/{file.name}"
                for file in ((folder / name).iterdir() if (folder / name).is_dir() else ())
                if is_image(file.name, file.read_bytes) and not is_hidden(file.name)
            )
        )
        for name in COUNTS
    }
