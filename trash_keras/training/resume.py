"""Resuming: whether a folder holds the same run of the same data, and what is new in the data."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

from trash_keras.config import Config, check_workdir, load, same_place
from trash_keras.data import multi_source, validation
from trash_keras.data.catalog import Catalog, FilesByClass
from trash_keras.data.readers.base import TFDS_PREFIX, Reader, open_reader
from trash_keras.storage import checksums, local, text_files
from trash_keras.storage.names import to_bytes

IMAGES = Path("backup", "images.json")
ELSEWHERE = "To train on all that is there now, name another --workdir."


def check(config: Config, workdir: Path) -> None:
    """Checks that a folder is free or holds the same run; its images may lie elsewhere by now.

    Where they do, all of them are read once, and must be the same to the bit.

    Args:
        config: The run.
        workdir: Its folder.

    Raises:
        ValueError: It belongs to another configuration, or --data_dir holds other images.
    """
    check_workdir(config, workdir, may_change=("data_dir",))
    if not is_moved(config, workdir):
        return
    try:
        known = Catalog.load(workdir / "catalog.json")
        same = known.images_sha256 and known.images_sha256 == _images_sha256(
            config.data.data_dir, config.data.data_format, tuple(known.paths())
        )
    except ValueError as error:
        raise ValueError(f"{error} {workdir} holds a run of {_before(config, workdir)}.") from error
    if not same:
        raise ValueError(
            f"{workdir} holds a run of the images in {_before(config, workdir)}, and those in "
            f"{config.data.data_dir} are others of the same names. Name the same images to resume "
            "it, or another --workdir."
        )


def is_moved(config: Config, workdir: Path) -> bool:
    """Tells whether a run began with another --data_dir than it has now."""
    if not (workdir / "config.json").exists():
        return False
    return not same_place(_before(config, workdir), config.data.data_dir)


def _before(config: Config, workdir: Path) -> str:
    return load(workdir / "config.json", type(config)).data.data_dir


@functools.lru_cache(maxsize=4)  # the runs of an ablation share their images
def _images_sha256(data_dir: str, data_format: str, paths: tuple[str, ...]) -> str:
    reader = open_reader(data_dir, data_format)
    there = {path for found in reader.files_by_class().values() for path in found}
    if missing := [path for path in paths if path not in there]:
        raise ValueError(
            f"{len(missing)} of its {len(paths)} images are not in {data_dir}, {missing[0]} for "
            "one."
        )
    return validation.images_sha256(reader, list(paths))


def note_images(workdir: Path, catalog: Catalog, reader: Reader) -> None:
    """Notes which files a run begins with, for `require_unchanged`."""
    local.write_json(workdir / IMAGES, _facts(catalog, reader), checked=True)


def require_unchanged(workdir: Path, catalog: Catalog, reader: Reader) -> None:
    """Checks on resuming that the images are those that the run began with.

    Only where a file has another size or time are all images read and compared.

    Args:
        workdir: Folder of the run.
        catalog: Its images, all of which are there.
        reader: Gives them.

    Raises:
        ValueError: An image has another content; names one that may.
    """
    if not checksums.is_whole(workdir / IMAGES) or not catalog.images_sha256:
        return
    before, now = text_files.from_json((workdir / IMAGES).read_text()), _facts(catalog, reader)
    changed = [path for path in catalog.paths() if now[path] != before.get(path)]
    if changed and validation.images_sha256(reader, catalog.paths()) != catalog.images_sha256:
        raise ValueError(
            f"Images have changed since this run began; {_images(changed)} were written anew, "
            f"{changed[0]} for one. Put them back to continue it, or name another --workdir."
        )


def _facts(catalog: Catalog, reader: Reader) -> dict[str, str]:
    paths = catalog.paths()
    facts = map(to_bytes, reader.locations(paths))
    return {
        path: hashlib.sha256(fact).hexdigest()[:16] for path, fact in zip(paths, facts, strict=True)
    }


def note_place(config: Config, workdir: Path) -> None:
    """Writes into a finished run where its images lie by now, for whoever reads them later."""
    if is_moved(config, workdir):
        known = load(workdir / "config.json", type(config))
        data_dir, data_format = config.data.data_dir, config.data.data_format
        data = dataclasses.replace(known.data, data_dir=data_dir, data_format=data_format)
        moved = dataclasses.replace(known, data=data)
        local.write_json(workdir / "config.json", moved.to_dict(), checked=True)


def news(config: Config, catalog: Catalog, reader: Reader) -> str:
    """Says which classes and images have come since a catalog was made; empty for none.

    Args:
        config: The run.
        catalog: Its images.
        reader: Lists what is there now.
    """
    if config.data.data_dir.startswith(TFDS_PREFIX) and not catalog.sources:
        return ""  # a version of a data set never changes, and it may have other splits
    known = {*catalog.paths(), *catalog.bad_files}
    fresh = {
        name: [path for path in paths if path not in known]
        for name, paths in _by_class(config, reader).items()
    }
    fresh = {name: paths for name, paths in fresh.items() if paths}
    classes = [name for name in fresh if name not in catalog.class_names]
    told = [f"class {name} ({_images(fresh.pop(name))})" for name in classes]
    if fresh:
        others = [path for paths in fresh.values() for path in paths]
        told.append(f"{_images(others)} of {', '.join(fresh)} ({others[0]} for one)")
    if not told:
        return ""
    return f"New in {config.data.data_dir} since this run began: {'; '.join(told)}."


def _images(paths: Iterable[str]) -> str:
    count = len(list(paths))
    return f"{count} image" if count == 1 else f"{count} images"


def _by_class(config: Config, reader: Reader) -> FilesByClass:
    """Returns what a run could train on: with split folders nothing outside of them."""
    sources = multi_source.open_sources(config.data.data_dir, config.data.label_map, reader)
    return multi_source.usable(sources, config.data.split_method)


def require_nothing_new(config: Config, workdir: Path, page: str) -> None:
    """Checks that a finished run knows all images; images that are gone are no matter.

    Args:
        config: The run.
        workdir: Its folder.
        page: Its report, for the message.

    Raises:
        ValueError: There are new ones; names them, and how to train on them.
    """
    try:
        catalog = Catalog.load(workdir / "catalog.json")
        reader = open_reader(config.data.data_dir, config.data.data_format)
        found = news(config, catalog, reader)
    except (ValueError, OSError, ImportError):
        return  # nothing can be read there any more, and nothing needs to be
    if found:
        raise ValueError(f"This run is complete: {workdir / page}. {found} {ELSEWHERE}")
