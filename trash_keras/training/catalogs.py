"""Which picture is in which split: made once for a run, and read from its folder ever after."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras

from trash_keras.config import Config
from trash_keras.data import screening, splits
from trash_keras.data.audit import groups as audit_groups
from trash_keras.data.audit.groups import Group, load_groups, similar
from trash_keras.data.catalog import WHOLE, Catalog, whole
from trash_keras.data.split import Split
from trash_keras.data.stores import Store
from trash_keras.training import features

GROUPS = "groups.json"


def of_run(config: Config, workdir: Path, store: Store) -> Catalog:
    """Divides the pictures of a run, or reads how an earlier call or a cross-validation did.

    Args:
        config: The run.
        workdir: Its folder; with `--split_method=grouped` a new division leaves groups.json there.
        store: Its pictures.

    Raises:
        ValueError: The pictures do not fit the configuration, or some have gone.
    """
    written = workdir / "catalog.json"
    if written.exists():
        return _read(written, config, store)
    _check_groups(config)
    data, seed = config.data, config.runtime.seed

    def divide(groups: Sequence[Group]) -> Catalog:
        method, folder = data.split_method, data.split_dir
        return splits.split(data.data_dir, method, seed, folder, store, groups)

    # Before the groups are known, too: what can't be divided without them should not wait.
    catalog = screening.keep_decodable(divide(()), store, data.bad_files, data.max_megapixels)
    if data.split_method != "grouped":
        return catalog
    groups = _groups(config, catalog, store)
    catalog = divide(groups).without(catalog.bad_files)
    save_groups(workdir, groups, config)
    return catalog


def of_all(config: Config, workdir: Path, store: Store) -> tuple[Catalog, list[Group]]:
    """Catalogs every picture for a cross-validation, as the one split `all`.

    Args:
        config: Of the cross-validation.
        workdir: Its folder; what an earlier call saved there is read.
        store: Its pictures.

    Returns:
        The decodable pictures, and which of them stay together; the caller saves both.

    Raises:
        ValueError: As `of_run`.
    """
    data, grouped = config.data, config.data.split_method == "grouped"
    if (written := workdir / "catalog.json").exists():
        groups = load_groups(workdir / GROUPS) if grouped else []
        return _read(written, config, store), groups
    _check_groups(config)
    catalog = whole(store.members())
    splits.require_classes(catalog.members())
    catalog = screening.keep_decodable(catalog, store, data.bad_files, data.max_megapixels)
    return catalog, _groups(config, catalog, store) if grouped else []


def save_groups(workdir: Path, groups: Sequence[Group], config: Config) -> None:
    """Writes WORKDIR/groups.json, which can be named as --groups on another machine."""
    data = config.data
    found_by = data.groups or (
        f"Cosine of at least {data.group_similarity} of the features of "
        f"{config.model.init or config.model.backbone}, "
        f"less their mean, at {data.image_size} px."
    )
    audit_groups.save_groups(workdir / GROUPS, groups, {"near_duplicates": found_by})


def _read(written: Path, config: Config, store: Store) -> Catalog:
    catalog = Catalog.load(written)
    catalog.require(store.members(), config.data.data_dir)
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
        load_groups(data.groups)
    elif config.model.from_scratch:
        raise ValueError(
            "--split_method=grouped finds near-duplicates by the features of a trained backbone, "
            "and --weights=none has none. Name them with --groups=FILE, as written by: "
            f"trash-keras audit --data_dir={data.data_dir} --output=DIR --groups=FILE"
        )


def _groups(config: Config, catalog: Catalog, store: Store) -> list[Group]:
    data = config.data
    if data.groups:
        groups = load_groups(data.groups)
        there = {path for paths in store.members().values() for path in paths}
        gone = [path for group in groups for path in group if path not in there]
        if gone:
            raise ValueError(
                f"{len(gone)} of the pictures in {data.groups} are not in {data.data_dir}, "
                f"{gone[0]} for one. Its paths must be those of the data folder."
            )
    else:
        groups = _by_features(config, catalog, store)
    count, largest = sum(map(len, groups)), max(map(len, groups), default=0)
    print(
        f"Near-duplicates: {count} pictures in {len(groups)} groups, at most {largest} in one",
        flush=True,
    )
    return groups


def _by_features(config: Config, catalog: Catalog, store: Store) -> list[Group]:
    data = config.data
    # The precision of the device must not decide who is like whom.
    keras.config.set_dtype_policy("float32")
    extractor = features.extractor(config.model, data.image_size, config.runtime.seed)
    everything = Split(
        whole(catalog.members()), WHOLE, store, data.image_size, data.resize, data.max_megapixels
    )
    with tempfile.TemporaryDirectory() as folder:
        found = features.of_split(
            extractor, everything, batch_size=data.batch_size, cache_dir=folder
        )
        rows = similar(found, data.group_similarity)
    paths, _ = everything.examples()
    return [tuple(sorted(paths[row] for row in group)) for group in rows]
