"""The labelled images of a new place that a model is adapted to."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from trash_keras.config import Config, DataConfig, TrainingConfig
from trash_keras.data import (
    class_names,
    image_listing,
    multi_source,
    outliers,
    pipeline,
    split_folders,
    splits,
    validation,
)
from trash_keras.data.catalog import WHOLE, Catalog, FilesByClass, format_counts
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import Reader, open_reader
from trash_keras.training.adapt_source import Source
from trash_keras.training.head_refit import Examples

FEWEST = 3  # images of a class: each is held out once, and two are left to fit


@dataclasses.dataclass(frozen=True, eq=False)
class NewPlace:
    """The labelled images of the new place.

    Attributes:
        catalog: Their classes and those of the model, and the one split `all`.
        reader: Gives them.
        splits: Them, in the order of `Catalog.examples`, and then images of none of the classes.
        examples: Features and labels of all of these.
    """

    catalog: Catalog
    reader: Reader
    splits: Sequence[Split]
    examples: Examples

    def counts(self) -> dict[str, int]:
        """Returns class name -> images."""
        return self.catalog.counts()[WHOLE]

    def words(self) -> str:
        """Returns how many images there are of which class."""
        of_class = sum(self.counts().values())
        others = len(self.examples.labels) - of_class
        return f"{of_class} images: {format_counts(self.counts())}" + (
            f"; {others} of none of them" if others else ""
        )


def look_at(config: Config, source: Source) -> NewPlace:
    """Reads and checks the images of the new place.

    Args:
        config: Of the run.
        source: The model to adapt.

    Raises:
        ValueError: There are no images, fewer than two classes, fewer than `FEWEST` of a class or
            of `--other_dir`, some that cannot be decoded, one in two classes, or some that the
            model was trained on.
    """
    data = config.data
    reader = open_reader(data.data_dir, data.data_format)
    image_listing.tell(reader.passed_over(), data.data_dir)
    catalog = _catalog(data, reader, source.metadata.class_names)
    others: Sequence[Split] = ()
    if data.other_dir:
        others = [outliers.split(data.other_dir, "other_dir", data.max_megapixels)]
        outliers.require_others(others, reader, catalog.paths())
        _require_enough({"--other_dir": tuple(others[0].examples()[0])}, "")
    split = Split(catalog, WHOLE, reader, max_megapixels=data.max_megapixels)
    features = _features(source, split, data, "Features, new place")
    labels = split.examples()[1]
    examples = Examples.of(features, labels)
    if catalog.sources:
        method, of_class = (
            TrainingConfig.source_weights,
            pipeline.class_weights(catalog.counts()[WHOLE]),
        )
        weights = pipeline.example_weights(catalog, of_class, method, WHOLE)
        examples = Examples(features, labels, weights)
    for other in others:
        found = _features(source, other, data, "Features, none of the classes")
        examples = examples.with_others(found)
    return NewPlace(catalog, reader, (split, *others), examples)


def _catalog(data: DataConfig, reader: Reader, known: Sequence[str]) -> Catalog:
    """Lists what can be decoded, as the one split `all`; classes of the model may be empty."""
    sources = multi_source.open_sources(data.data_dir, data.label_map, reader)
    multi_source.require_class_folders(sources, split_folders.NAME_ONE)
    files = multi_source.whole(sources)[0].files_by_class()
    _require_enough(files)
    splits.require_classes(files, split_folders.NAME_ONE)
    names = class_names.of_folders({*known, *files}).values()
    digests: dict[str, str] = {}
    catalog = validation.keep_decodable(
        multi_source.of_classes(sources, split_folders.NAME_ONE),
        reader,
        data.bad_files,
        data.max_megapixels,
        digests,
    )
    catalog = _without_copies(catalog, digests)
    _require_enough(catalog.files_by_class())
    return dataclasses.replace(catalog, class_names=tuple(sorted(names)))


def _without_copies(catalog: Catalog, digests: Mapping[str, str]) -> Catalog:
    """Leaves one of each image that is there several times, else it would test itself.

    Raises:
        ValueError: They are of two classes.
    """
    first: dict[str, tuple[str, str]] = {}
    copies = []
    for name, paths in catalog.files_by_class().items():
        for path in paths:
            other, other_class = first.setdefault(digests[path], (path, name))
            if other_class != name:
                raise ValueError(
                    f"{other} and {path} are the same image in two classes: remove the wrong one."
                )
            if other != path:
                copies.append(path)
    if not copies:
        return catalog
    several = (
        "images are there more than once and count"
        if len(copies) > 1
        else ("image is there more than once and counts")
    )
    print(f"{len(copies)} {several} once: {copies[0]} for one.", flush=True)
    bad = catalog.bad_files
    return dataclasses.replace(catalog.without(copies), bad_files=bad)


def _features(source: Source, split: Split, data: DataConfig, title: str) -> np.ndarray:
    """Returns features [N, channels] of images, none of which the model was trained on."""
    features = source.features(split, data.batch_size, title)
    known = source.kept.known(features)
    if known.any():
        paths = split.examples()[0]
        raise ValueError(
            f"{known.sum()} of the {len(paths)} images are those that {source.path} was trained or "
            f"chosen on, {paths[int(np.flatnonzero(known)[0])]} for one: they are not of a new "
            "place. Leave them out, or adapt a model that has not seen them."
        )
    return features


def _require_enough(files: FilesByClass, kind: str = "Class ") -> None:
    for name, paths in files.items():
        if len(paths) < FEWEST:
            raise ValueError(
                f"{kind}{name} needs at least {FEWEST} images, of which each is held out once. "
                f"Received: {len(paths)}. Add some, or leave {'it' if not kind else 'the class'} "
                "out."
            )
