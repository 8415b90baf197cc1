"""The fingerprint of a dataset: which data a run saw, in a few characters to compare."""

import hashlib
import json
from typing import Any

from trash_keras.data.catalog import Catalog
from trash_keras.data.readers.base import Reader


def dataset_fingerprint(catalog: Catalog, reader: Reader) -> dict[str, Any]:
    """Returns what distinguishes two datasets or two divisions into splits.

    Args:
        catalog: Which images are in which split.
        reader: Gives them.

    Returns:
        `catalog_sha256` depends on class names, paths and splits, and is the same on every
        machine; `files_sha256` on the facts of `Reader.locations` too, so on place, size and time
        of each file, and changes when an image is changed in place. `images` maps splits to
        numbers of images.
    """
    splits = {split: catalog.examples(split)[0] for split in catalog.splits}
    files = {
        split: {name: sorted(paths) for name, paths in catalog.splits[split].items()}
        for split in catalog.splits
    }
    return {
        "catalog_sha256": _sha256([catalog.class_names, files]),
        "files_sha256": _sha256(
            {split: reader.locations(paths) for split, paths in splits.items()}
        ),
        "images": {split: len(paths) for split, paths in splits.items()},
    }


def _sha256(value: Any) -> str:
    # File names may hold bytes that are not UTF-8; escaped, they can be hashed nevertheless.
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
