"""The catalog of a data set: class names and the exact image files of each split.

It is written as `catalog.json` before anything trains.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trash_keras.data import formats, image_listing
from trash_keras.storage import checksums, local, text_files
from trash_keras.storage.names import to_bytes

SPLITS = ("train", "valid", "test")
WHOLE = "all"  # the only split of data that is not divided
FilesByClass = dict[str, tuple[str, ...]]  # class name -> paths relative to the data folder


@dataclasses.dataclass(frozen=True)
class Catalog:
    """Which images there are, what they show, and which split they belong to.

    Attributes:
        class_names: Class names in label order (alphabetical).
        splits: Split name -> class name -> POSIX paths relative to the data folder, sorted.
        bad_files: Paths left out because they could not be decoded.
        images_sha256: Of paths and content of all images, see `validation.images_sha256`; empty
            where it was not computed.
        sources: Names of the sources where there are several; each path begins with one of them.
        label_conflicts: Groups of images that are equal byte for byte and have several classes.
    """

    class_names: tuple[str, ...]
    splits: Mapping[str, Mapping[str, tuple[str, ...]]]
    bad_files: tuple[str, ...] = ()
    images_sha256: str = dataclasses.field(default="", compare=False)
    sources: tuple[str, ...] = ()
    label_conflicts: tuple[tuple[str, ...], ...] = dataclasses.field(default=(), compare=False)

    def examples(self, split: str) -> tuple[list[str], np.ndarray]:
        """Returns the N relative paths of a split and their labels, int32 [N].

        The order is fixed and shuffled, so that a shuffle buffer smaller than the split still
        gives batches of mixed classes.

        Raises:
            ValueError: There is no such split.
        """
        files = self._files(split)
        labelled = {
            path: label
            for label, name in enumerate(self.class_names)
            for path in files.get(name, ())
        }
        paths = sorted(labelled, key=self._order)
        return paths, np.array([labelled[path] for path in paths], np.int32)

    @property
    def _order(self) -> Callable[[str], Any]:
        """Returns the sort key; the images of a source come in the order that its reader has."""
        return _order_within_sources if self.sources else shuffle_key

    def source_of(self) -> dict[str, str]:
        """Returns path -> name of its source, of all images; empty for one source."""
        return {path: path.partition("/")[0] for path in self.paths()} if self.sources else {}

    def strata(self, split: str) -> FilesByClass:
        """Returns what is divided by itself: the images of each class, of each class of a source.

        Args:
            split: Name of the split.

        Returns:
            Class name, or SOURCE/CLASS where there are several sources, -> paths.
        """
        if not self.sources:
            return dict(self._files(split))
        found: dict[str, list[str]] = {}
        for name, paths in self._files(split).items():
            for path in paths:
                found.setdefault(f"{path.partition('/')[0]}/{name}", []).append(path)
        return {stratum: tuple(paths) for stratum, paths in found.items()}

    def of_strata(self, splits: Mapping[str, FilesByClass]) -> "Catalog":
        """Returns a catalog of images that were divided by `strata`.

        Args:
            splits: Split -> key of `strata` -> paths.
        """
        joined: dict[str, FilesByClass] = {}
        for split, strata in splits.items():
            chosen: dict[str, list[str]] = {name: [] for name in self.class_names}
            for stratum, paths in strata.items():
                chosen[stratum.rpartition("/")[2]] += paths
            joined[split] = {name: tuple(sorted(paths)) for name, paths in chosen.items()}
        return dataclasses.replace(self, splits=joined)

    def _files(self, split: str) -> Mapping[str, tuple[str, ...]]:
        if split not in self.splits:
            raise ValueError(
                f"The catalog has no split {split!r}. It has: {', '.join(self.splits)}."
            )
        return self.splits[split]

    def counts(self) -> dict[str, dict[str, int]]:
        """Returns split -> class name -> number of images."""
        return {
            split: {name: len(files.get(name, ())) for name in self.class_names}
            for split, files in self.splits.items()
        }

    def only(self, split: str) -> "Catalog":
        """Returns a catalog of one split.

        Raises:
            ValueError: There is no such split.
        """
        return dataclasses.replace(self, splits={split: self._files(split)})

    def judged_by(self) -> str:
        """Returns the split that a model is judged by: test, or the only one of undivided data."""
        return "test" if "test" in self.splits else WHOLE

    def learned_from(self) -> str:
        """Returns the split that a model is fitted to: train, or the only one of undivided data."""
        return "train" if "train" in self.splits else WHOLE

    def first(self, count: int) -> "Catalog":
        """Returns a catalog of the first images of each split, in the order of `examples`."""
        splits: dict[str, FilesByClass] = {}
        for split_name, files in self.splits.items():
            kept = set(self.examples(split_name)[0][:count])
            splits[split_name] = {
                name: tuple(path for path in paths if path in kept) for name, paths in files.items()
            }
        return dataclasses.replace(self, splits=splits)

    def stratified_sample(self, split: str, count: int) -> "Catalog":
        """Returns a catalog of some images of a split, each class in proportion.

        Args:
            split: Name of the split.
            count: Images; 0, or more than there are, takes the whole split.
        """
        ranked = []
        for name, paths in self.only(split).splits[split].items():
            order = sorted(paths, key=self._order)
            ranked += [((rank + 0.5) / len(order), name, path) for rank, path in enumerate(order)]
        kept = sorted(ranked)[: count or None]
        chosen: dict[str, list[str]] = {name: [] for name in self.class_names}
        for _, name, path in kept:
            chosen[name].append(path)
        files = {name: tuple(sorted(paths)) for name, paths in chosen.items()}
        return Catalog(self.class_names, {split: files}, sources=self.sources)

    def without(self, bad_files: Iterable[str]) -> "Catalog":
        """Returns the catalog without some files, listing them in `bad_files`.

        Raises:
            ValueError: A class would have none left in a split that had some.
        """
        bad = set(bad_files)
        if not bad:
            return self
        splits: dict[str, FilesByClass] = {}
        for split_name, files in self.splits.items():
            splits[split_name] = {
                name: tuple(path for path in paths if path not in bad)
                for name, paths in files.items()
            }
            for name, paths in files.items():
                if paths and not splits[split_name][name]:
                    raise ValueError(
                        f"Without the files that cannot be decoded, class {name} has no image "
                        f"in split {split_name}."
                    )
        everything = tuple(sorted({*self.bad_files, *bad}))
        return dataclasses.replace(self, splits=splits, bad_files=everything)

    def files_by_class(self) -> FilesByClass:
        """Returns class name -> sorted paths of all splits together."""
        return {
            name: tuple(
                sorted(path for split in self.splits.values() for path in split.get(name, ()))
            )
            for name in self.class_names
        }

    def as_whole(self) -> "Catalog":
        """Returns the images of all splits as the one split `WHOLE`."""
        return dataclasses.replace(self, splits={WHOLE: self.files_by_class()})

    def paths(self) -> list[str]:
        """Returns every image of all splits, in the order of `examples`."""
        found = (path for files in self.splits.values() for name in self.class_names
                 for path in files.get(name, ()))  # fmt: skip
        return sorted(found, key=self._order)

    def require(self, files: FilesByClass, data_dir: str | os.PathLike) -> None:
        """Checks that every image is still there.

        Args:
            files: Class name -> paths of the images that are there.
            data_dir: What the message calls the data.

        Raises:
            ValueError: Some are missing; names one.
        """
        there = {path for paths in files.values() for path in paths}
        paths = self.paths()
        missing = [path for path in paths if path not in there]
        if missing:
            raise ValueError(
                f"{len(missing)} of the catalog's {len(paths)} images are not in {data_dir}, "
                f"{missing[0]} for one."
            )

    def save(self, path: str | os.PathLike) -> None:
        """Writes `catalog.json`, with the counts beside the lists."""
        content = {"counts": self.counts(), **dataclasses.asdict(self)}
        local.write_json(path, content, checked=True)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Catalog":
        """Reads `catalog.json`.

        Raises:
            ValueError: The file is missing, damaged or not a catalog.
        """
        checksums.require(path)
        try:
            values: dict[str, Any] = text_files.from_json(text_files.read(path))
            splits = {
                split: {name: tuple(paths) for name, paths in files.items()}
                for split, files in values["splits"].items()
            }
            names, bad_files = tuple(values["class_names"]), tuple(values["bad_files"])
            sources = tuple(values.get("sources", ()))
            conflicts = tuple(tuple(map(str, group)) for group in values.get("label_conflicts", ()))
            sha256 = values.get("images_sha256", "")
            return cls(names, splits, bad_files, sha256, sources, conflicts)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"No usable catalog at {path}: {error!r}") from error


def scan(data_dir: str | os.PathLike) -> FilesByClass:
    """Lists the images of every class folder, whatever order the file system gives.

    Args:
        data_dir: Folder with one sub-folder per class; images may lie in deeper folders.

    Returns:
        Class name -> sorted POSIX paths relative to `data_dir`.

    Raises:
        ValueError: The folder is missing, has no class folders, or has no images.
    """
    return scan_all(data_dir)[0]


def scan_all(data_dir: str | os.PathLike) -> tuple[FilesByClass, image_listing.PassedOver]:
    """Does the same as `scan`, and returns what was passed over beside it."""
    local.require_folder("data_dir", data_dir)
    if not Path(data_dir).is_dir():
        raise ValueError(
            f"There is no data folder {data_dir}. Name one with --data_dir, or draw a stand-in: "
            f"trash-keras prepare --source=synthetic --data_dir={data_dir}"
        )
    files, passed = image_listing.by_class(image_listing.list_folder(data_dir))
    if not any(files.values()):
        raise image_listing.no_images(
            data_dir, passed, f"it needs one folder per class with {formats.NAMES} files. Found "
            f"folders: {', '.join(files) or 'none'}"
        )  # fmt: skip
    return files, passed


def shuffle_key(text: str) -> bytes:
    """Returns a sort key that shuffles, the same on every machine and with every NumPy."""
    return hashlib.sha256(to_bytes(text)).digest()


def _order_within_sources(path: str) -> tuple[bytes, str]:
    source, _, own = path.partition("/")
    return shuffle_key(own), source


def format_counts(counts: Mapping[str, int]) -> str:
    """Returns class names with their numbers of images, for messages."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def single_split(files: FilesByClass) -> Catalog:
    """Catalogs every image as one split called `WHOLE`."""
    return Catalog(tuple(files), {WHOLE: files})
