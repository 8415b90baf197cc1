"""The images of a run: which is in which split, how they are read, and their augmentation.

Splits are made once for a run and read from its folder from then on.
"""

import dataclasses
import functools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from trash_keras.config import Config, DataConfig
from trash_keras.data import (
    equal_images,
    file_roles,
    image_listing,
    multi_source,
    pipeline,
    split_folders,
    splits,
    validation,
)
from trash_keras.data.augmentation.layers import apply_layers, build_layers
from trash_keras.data.catalog import WHOLE, Catalog
from trash_keras.data.decoded import DecodedImages
from trash_keras.data.groups import Group, load_groups, similar, write_groups
from trash_keras.data.pipeline import Split
from trash_keras.data.places import addresses
from trash_keras.data.readers.base import Reader, open_reader
from trash_keras.data.sources.prepare import Request, prepare_dataset
from trash_keras.storage.addresses import public, public_value
from trash_keras.storage.names import key
from trash_keras.training import features, resume

GROUPS = "groups.json"


def open_data(settings: DataConfig) -> Reader:
    """Opens the images of a run, and brings them first where `--data_source` says from where.

    Raises:
        ValueError: There are no images, or `data_source` is refused, see `prepare_dataset`.
        OSError: The source or the data folder cannot be read.
        ImportError: The client of the source is not installed.
    """
    place = next(iter(addresses(settings.data_dir).values()))
    if settings.data_source and not os.path.exists(place):
        print(public(f"Bringing {settings.data_source} to {place}"), flush=True)
        prepare_dataset(Request(settings.data_source), place)
    return open_reader(settings.data_dir, settings.data_format)


def decoded_images(data: DataConfig) -> DecodedImages:
    """Makes room for what a run decodes to see whether it can be."""
    return DecodedImages(data.image_size, data.resize, data.max_megapixels, data.cache_megabytes)


def resolve_splits(
    config: Config, workdir: Path, reader: Reader, decoded: DecodedImages | None = None
) -> Catalog:
    """Divides the images of a run, or reads how an earlier call or a cross-validation did.

    Args:
        config: The run.
        workdir: Its folder; with `--split_method=grouped` a new division leaves groups.json there.
        reader: Its images.
        decoded: Keeps what is decoded, for `images`.

    Raises:
        ValueError: The images do not fit the configuration, or some are missing.
    """
    written = workdir / "catalog.json"
    if written.exists():
        return _read(written, config, reader)
    _check_groups(config)
    image_listing.tell(reader.passed_over(), config.data.data_dir)
    data, seed = config.data, config.runtime.seed
    sources = multi_source.open_sources(data.data_dir, data.label_map, reader)

    def divide(groups: Sequence[Group]) -> Catalog:
        return multi_source.split(sources, data.split_method, seed, data.split_dir, groups)

    # Before the groups are known, too: data that cannot be divided at all should fail early.
    catalog, groups = _decodable(config, divide(()), reader, decoded)
    if groups:
        whole, catalog = catalog, divide(groups).without(catalog.bad_files)
        catalog = dataclasses.replace(
            catalog, images_sha256=whole.images_sha256, label_conflicts=whole.label_conflicts
        )
    if data.split_method == "grouped":
        save_run_groups(workdir, groups, config)
    return catalog


def _decodable(
    config: Config, catalog: Catalog, reader: Reader, decoded: DecodedImages | None = None
) -> tuple[Catalog, list[Group]]:
    """Leaves out what cannot be decoded, and finds which images stay together."""
    data, digests = config.data, dict[str, str]()
    catalog = validation.keep_decodable(
        catalog, reader, data.bad_files, data.max_megapixels, digests, decoded
    )
    equal = equal_images.find(catalog, digests)
    if data.split_method != "grouped":
        return catalog, equal
    return catalog, equal_images.joined_groups(_groups(config, catalog, reader), equal)


def single_split_of_run(
    config: Config, workdir: Path, reader: Reader
) -> tuple[Catalog, list[Group]]:
    """Catalogs every image for a cross-validation, as the one split `all`.

    Args:
        config: Of the cross-validation.
        workdir: Its folder; what an earlier call saved there is read.
        reader: Its images.

    Returns:
        The decodable images, and which of them stay together. The caller saves both.

    Raises:
        ValueError: As `resolve_splits`.
    """
    data = config.data
    if (written := workdir / "catalog.json").exists():
        kept = data.split_method == "grouped" or (workdir / GROUPS).exists()
        groups = load_groups(workdir / GROUPS) if kept else []
        return _read(written, config, reader), groups
    _check_groups(config)
    image_listing.tell(reader.passed_over(), data.data_dir)
    sources = multi_source.open_sources(data.data_dir, data.label_map, reader)
    if len(sources) == 1 and not data.label_map:
        splits.require_classes(sources[0].files(), split_folders.NAME_ONE)
    catalog = multi_source.of_classes(sources, split_folders.NAME_ONE)
    return _decodable(config, catalog, reader)


def save_run_groups(workdir: Path, groups: Sequence[Group], config: Config) -> None:
    """Writes WORKDIR/groups.json, which can be named as --groups on another machine."""
    data = config.data
    found_by = public_value(data.groups) or (
        f"Cosine of at least {data.group_similarity} of the features of "
        f"{public_value(config.model.init or config.model.backbone)}, "
        f"less their mean, at {data.image_size} px."
    )
    evidence = {"near_duplicates": found_by} if data.split_method == "grouped" else {}
    if "," in data.data_dir:
        evidence["equal_images"] = "The same SHA-256 in several sources."
    write_groups(workdir / GROUPS, groups, evidence)


def _read(written: Path, config: Config, reader: Reader) -> Catalog:
    catalog = Catalog.load(written)
    catalog.require(reader.files_by_class(), config.data.data_dir)
    has_begun = written.with_name("config.json").exists()
    if has_begun and (found := resume.news(config, catalog, reader)):
        print(public(f"{found} This run goes on without them. {resume.ELSEWHERE}"), flush=True)
    return catalog


def _check_groups(config: Config) -> None:
    data = config.data
    if data.split_method != "grouped":
        if data.groups:
            raise ValueError(
                "--groups is for --split_method=grouped. "
                f"Received: --split_method={data.split_method}"
            )
    elif data.groups:
        file_roles.require("groups", data.groups)
        load_groups(data.groups)
    elif config.model.from_scratch:
        raise ValueError(
            "--split_method=grouped finds near-duplicates by the features of a trained backbone, "
            "and --weights=none has none. Name them with --groups=FILE, as written by: "
            f"trash-keras audit --data_dir={data.data_dir} --output=DIR --groups=FILE"
        )


def _groups(config: Config, catalog: Catalog, reader: Reader) -> list[Group]:
    data = config.data
    if data.groups:
        there = {key(path): path for paths in reader.files_by_class().values() for path in paths}
        listed = load_groups(data.groups)
        gone = [path for group in listed for path in group if key(path) not in there]
        if gone:
            raise ValueError(
                f"{len(gone)} of the images in {data.groups} are not in {data.data_dir}, "
                f"{gone[0]} for one. Its paths must be those of the data folder."
            )
        groups = [tuple(there[key(path)] for path in group) for group in listed]
    else:
        groups = _by_features(config, catalog, reader)
    count, largest = sum(map(len, groups)), max(map(len, groups), default=0)
    print(
        f"Near-duplicates: {count} images in {len(groups)} groups, at most {largest} in one",
        flush=True,
    )
    return groups


def _by_features(config: Config, catalog: Catalog, reader: Reader) -> list[Group]:
    data = config.data
    # The precision of the device must not decide which images are near-duplicates.
    keras.config.set_dtype_policy("float32")
    extractor = features.extractor(config.model, data.image_size, config.runtime.seed)
    everything = Split(
        catalog.as_whole(),
        WHOLE,
        reader,
        data.image_size,
        data.resize,
        data.max_megapixels,
    )
    with tempfile.TemporaryDirectory() as folder:
        found = features.of_split(extractor, everything, data.batch_size, folder)
        rows = similar(found, data.group_similarity)
    paths, _ = everything.examples()
    return [tuple(sorted(paths[row] for row in group)) for group in rows]


def images(
    data: DataConfig,
    catalog: Catalog,
    reader: Reader,
    view_size: int,
    decoded: DecodedImages | None = None,
) -> dict[str, tf.data.Dataset]:
    """Reads what a run needs; what is read more than once is kept where it fits.

    Args:
        data: How to read.
        catalog: Which images there are.
        reader: Where they lie.
        view_size: Height and width of the images that training augments, pixels.
        decoded: Images that need not be read any more.

    Returns:
        For each split the dataset of `pipeline.load_split`, and as `views` the images of `train`
        that training augments.
    """

    def read(
        name: str, side: int = data.image_size, cache: bool = False, ordered: bool = True
    ) -> tf.data.Dataset:
        split = Split(catalog, name, reader, side, data.resize, data.max_megapixels, decoded)
        return pipeline.load_split(split, cache=cache, cache_dir=data.cache_dir, ordered=ordered)

    sides = {"train": view_size, "valid": data.image_size}  # the test split is read once
    pixels = sum(len(catalog.examples(split)[0]) * side**2 for split, side in sides.items())
    megabytes = 3 * pixels / 1e6
    cache = bool(data.cache_dir) or megabytes <= data.cache_megabytes
    if not cache:
        print(
            f"Images are decoded anew each epoch: {megabytes:,.0f} MB are over "
            f"--cache_megabytes={data.cache_megabytes}; --cache_dir keeps them on disk.",
            flush=True,
        )
    # With several sources the weights of the images come in their order.
    ordered = cache or data.deterministic_reads or bool(catalog.sources)
    views = read("train", view_size, cache=cache, ordered=ordered)
    train = views if (cache and view_size == data.image_size) else read("train")
    return {
        "train": train,
        "valid": read("valid", cache=cache),
        "test": read("test"),
        "views": views,
    }


def augment(config: Config) -> pipeline.Augment:
    """Returns a run's data augmentation: (images, step) -> float32 images of the same size."""
    layers = build_layers(config.augmentation)
    return functools.partial(apply_layers, layers, config.runtime.seed)


def resized(augment: pipeline.Augment, side: int) -> pipeline.Augment:
    """Returns an augmentation followed by antialiased resizing to `side` pixels where needed."""

    def change(images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        images = augment(images, step)
        if images.shape[1] == side:
            return images
        return tf.image.resize(images, (side, side), antialias=True)

    return change
