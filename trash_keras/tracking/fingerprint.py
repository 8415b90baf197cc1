"""The fingerprint of a data set: which data a run saw, in a few characters that can be compared."""

import hashlib
import json
from typing import Any

from trash_keras.data.catalog import Catalog
from trash_keras.data.readers.base import Reader


def dataset_fingerprint(catalog: Catalog, reader: Reader) -> dict[str, Any]:
    """Returns what tells two data sets or two splits apart.

    Args:
        catalog: Which images are in which split.
        reader: Where they lie.

    Returns:
        `catalog_sha256` depends on class names, paths and splits, and is the same on every
        machine; `files_sha256` on the facts of `Reader.locations` too, so on place, size and time
        of each file, and changes when an image is changed in place. `images` maps splits to
        numbers of images.
    """
    splits = {split: catalog.examples(split)[0] for split in catalog.splits}
    members = {
        split: {name: sorted(paths) for name, paths in catalog.splits[split].items()}
        for split in catalog.splits
    }
    return {
        "catalog_sha256": _sha256([catalog.class_names, members]),
        "files_sha256": _sha256(
            {split: reader.locations(paths) for split, paths in splits.items()}
        ),
        "images": {split: len(paths) for split, paths in splits.items()},
    }


def _sha256(value: Any) -> str:
    # Names of files may hold bytes that are no UTF-8; escaped, they can be hashed all the same.
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
