"""Several sources of images in one run: their classes, and splits within each."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.data import class_names, equal_images, label_maps, split_folders, splits
from trash_keras.data.catalog import Catalog, FilesByClass, scan, single_split
from trash_keras.data.groups import Group
from trash_keras.data.label_maps import LabelMap
from trash_keras.data.places import addresses
from trash_keras.data.splits import Listing

LEAVE_ONE_OUT = "leave_one_source_out"

Splits = Mapping[str, Mapping[str, tuple[str, ...]]]  # split -> class name -> paths


@dataclasses.dataclass(frozen=True)
class Source:
    """One of the places that the images of a run come from.

    Attributes:
        name: Begins the paths of its images; empty where there is one source.
        address: Folder, address in an object store, or tfds:NAME.
        listing: Its reader; None for a folder of image files.
        label_map: Its classes -> those of the model, see `label_maps`; None: the same.
    """

    name: str
    address: str
    listing: Listing | None = None
    label_map: LabelMap | None = None

    def files(self) -> FilesByClass:
        """Returns class name of the source -> its own paths."""
        return self.listing.files_by_class() if self.listing else scan(self.address)

    def catalog(self, divided: Splits) -> tuple[Catalog, dict[str, Any]]:
        """Gives images the names of the model's classes, and their paths that of the source.

        Args:
            divided: Split -> class name of the source -> its own paths.

        Returns:
            The catalog, and what `label_maps.apply` says of it; empty without a label map.

        Raises:
            ValueError: The label map lacks a class, or leaves nothing.
        """
        names = tuple(sorted({name for files in divided.values() for name in files}))
        catalog, told = Catalog(names, divided), dict[str, Any]()
        if self.label_map is not None:
            try:
                catalog, told = label_maps.apply(self.label_map, catalog)
            except ValueError as error:
                raise ValueError(f"{self.name or self.address}: {error}") from error
        if not self.name:
            return catalog, told
        renamed = {
            split: {name: tuple(f"{self.name}/{path}" for path in files[name]) for name in files}
            for split, files in catalog.splits.items()
        }
        return dataclasses.replace(catalog, splits=renamed), told


def open_sources(
    data_dir: str | os.PathLike,
    label_map: str = "",
    listing: Listing | None = None,
    known: Sequence[str] | None = None,
) -> list[Source]:
    """Returns the sources that a user names, with their label maps.

    Args:
        data_dir: As `addresses` takes it.
        label_map: A JSON file for each source, separated by commas, an empty entry for none; empty
            for none at all.
        listing: The reader of `data_dir`; None for folders of image files.
        known: Classes that a label map may give; None: any.

    Raises:
        ValueError: As `addresses` and `label_maps.read`; or not one label map for each source.
    """
    named = addresses(data_dir)
    files = label_map.split(",") if len(named) > 1 and label_map else [label_map] * len(named)
    if len(files) != len(named):
        raise ValueError(
            f"--label_map must have an entry for each of the {len(named)} sources of --data_dir, "
            f"an empty one for none. Received {len(files)}: {label_map}"
        )
    readers: Mapping[str, Listing | None] = getattr(listing, "readers", {"": listing})
    return [
        Source(
            name,
            address,
            readers.get(name),
            label_maps.read(file.strip(), known) if file.strip() else None,
        )
        for (name, address), file in zip(named.items(), files, strict=True)
    ]


def whole(sources: Sequence[Source]) -> tuple[Catalog, dict[str, Any]]:
    """Catalogs every image of some sources as one split.

    Returns:
        The catalog, with the names of the model's classes; and for a report `classes` and
        `left_out` of the label maps, as `label_maps.apply` has them; empty without any.

    Raises:
        ValueError: As `Source.catalog`.
    """
    made = [source.catalog(single_split(source.files()).splits) for source in sources]
    told: dict[str, Any] = {}
    for source, (_, says) in zip(sources, made, strict=True):
        for part, entries in says.items():
            before = f"{source.name}: " if source.name else ""
            named = {f"{before}{name}": value for name, value in entries.items()}
            told.setdefault(part, {}).update(named)
    return _join(sources, [catalog for catalog, _ in made]), told


def of_classes(sources: Sequence[Source], remedy: str = split_folders.KEEP) -> Catalog:
    """Does the same as `whole` for images to train on.

    Args:
        sources: One or more.
        remedy: What to do about split folders, for the message.

    Raises:
        ValueError: A source has no class folders, or there are too few classes.
    """
    require_class_folders(sources, remedy)
    catalog = whole(sources)[0]
    splits.require_several(catalog.class_names)
    return catalog


def require_class_folders(sources: Sequence[Source], remedy: str = split_folders.KEEP) -> None:
    """Checks each source as `split_folders.require_class_folders` does."""
    for source in sources:
        try:
            split_folders.require_class_folders(source.files(), remedy)
        except ValueError as error:
            raise ValueError(f"{source.name}: {error}" if source.name else str(error)) from error


def _join(sources: Sequence[Source], catalogs: Sequence[Catalog]) -> Catalog:
    if len(sources) == 1:
        return catalogs[0]
    names = sorted({name for catalog in catalogs for name in catalog.class_names})
    class_names.of_folders(names)
    parts = dict.fromkeys(split for catalog in catalogs for split in catalog.splits)
    joined = {
        split: {
            name: tuple(
                sorted(
                    path
                    for catalog in catalogs
                    for path in catalog.splits.get(split, {}).get(name, ())
                )
            )
            for name in names
        }
        for split in parts
    }
    return Catalog(tuple(names), joined, sources=tuple(source.name for source in sources))


def usable(sources: Sequence[Source], method: str) -> FilesByClass:
    """Returns class name -> paths of what a split method takes: with split folders those alone."""
    if method != "folders":
        return whole(sources)[0].files_by_class()
    found = [source.catalog(split_folders.read(source.files(), source.address))[0]
             for source in sources]  # fmt: skip
    return _join(sources, found).files_by_class()


def split(
    sources: Sequence[Source],
    method: str,
    seed: int = 0,
    split_dir: str | os.PathLike = "",
    groups: Sequence[Group] = (),
) -> Catalog:
    """Catalogs the images of some sources and divides each source into train, valid and test.

    Args:
        sources: One or more.
        method: As for `splits.split`. `official` divides the sources that have an official split,
            and the others as `stratified` does, which it says.
        seed: As for `splits.split`.
        split_dir: As for `splits.split`.
        groups: Images that stay together with the methods that draw: stratified and grouped.

    Returns:
        A catalog whose splits are disjoint; a class may be missing in some sources.

    Raises:
        ValueError: As `splits.split`, or the sources do not fit together.
    """
    if method == LEAVE_ONE_OUT:
        raise ValueError(f"--split_method={LEAVE_ONE_OUT} is for trash-keras cross_validate.")
    first = sources[0]
    if len(sources) == 1 and first.label_map is None:
        return splits.split(first.address, method, seed, split_dir, first.listing, groups)
    if method in splits.DRAWN:
        catalog = of_classes(sources)
        catalog = splits.by_shares(catalog, seed, groups)
    else:
        catalog = _join(sources, _predefined(sources, method, seed, split_dir))
        splits.require_several(catalog.class_names)
        equal_images.require_together(catalog, groups)
    splits.require_each_class_in_each_split(catalog)
    return catalog


def _predefined(
    sources: Sequence[Source], method: str, seed: int, split_dir: str | os.PathLike
) -> list[Catalog]:
    """Returns for each source its own split; of those that have no official one a drawn one."""
    if method == "folders":
        read = [splits.by_folders(source.files(), source.address, seed) for source in sources]
        return [source.catalog(each.splits)[0] for source, each in zip(sources, read, strict=True)]
    if method != "official":
        raise splits.unknown_method(method)
    found: list[Catalog] = []
    refused: dict[str, ValueError] = {}
    for source in sources:
        try:
            own = splits.official(source.files(), source.address, split_dir, source.listing)
            found.append(source.catalog(own)[0])
        except ValueError as error:
            refused[source.name] = error
            require_class_folders([source])
            found.append(splits.by_shares(whole([source])[0], seed))
    if len(refused) == len(sources):
        raise next(iter(refused.values()))
    for name, reason in refused.items():
        print(
            f"Source {name} has no official split and is divided as by --split_method=stratified. "
            f"({reason})",
            flush=True,
        )
    return found
