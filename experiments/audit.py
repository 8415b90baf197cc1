"""Looks for what is wrong with a folder of pictures: bad files, duplicates, doubtful labels.

    python -m experiments.audit --data_dir=DIR --output=DIR [--backbone=ResNet50]

Writes OUTPUT/audit.html and OUTPUT/audit.json; changes nothing in DIR.
"""

import shlex
import sys
import typing
from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

define, whole, real = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_float
METHODS = ("none", "stratified", "official", "folders")
DATA_DIR = define("data_dir", None, "Folder with one sub-folder of pictures per class.")
OUTPUT = define("output", None, "Folder for audit.html, audit.json and cached features.")
GROUPS = define("groups", "", "JSON file to write near-duplicate groups to, for grouped splits.")
CATALOG = define("catalog", "", "A run's catalog.json, to tell what crosses its splits.")
METHOD = flags.DEFINE_enum("split_method", "none", METHODS, "Splits to look across, as in train.")
SPLIT_DIR = define("split_dir", "", "Folder of the official lists, as in train.")
SEED = whole("seed", 0, "Of the stratified split and of the folds.", lower_bound=0)
BACKBONE = define("backbone", "", "keras.applications name or .keras file; empty: use none.")
WEIGHTS = define("weights", "imagenet", "Of the backbone: imagenet, none or a file, as in train.")
SIZE = whole("image_size", 224, "Height and width fed to the backbone, pixels.", lower_bound=16)
BATCH_SIZE = whole("batch_size", 32, "Pictures per step of the backbone.", lower_bound=1)
DISTANCE = whole("max_distance", 10, "Most differing bits of two perceptual hashes, of 64.")
SIMILARITY = real("min_similarity", 0.85, "Least cosine of two pictures' features, 0..1.")
CORRELATION = real("min_correlation", 0.8, "Least correlation of a pair's pixels, 0..1.")
flags.mark_flags_as_required(["data_dir", "output"])


def main(paths: Sequence[str]) -> None:
    """Audits and writes what was found."""
    script.refuse(paths)

    from trash_keras.data.audit import auditing, page

    data, splits = DATA_DIR.value, (METHOD.value, SEED.value, SPLIT_DIR.value)
    catalog = auditing.read_catalog(data, CATALOG.value, *splits)
    thresholds = auditing.Thresholds(DISTANCE.value, SIMILARITY.value, CORRELATION.value)
    auditing.require_packages(labels=bool(BACKBONE.value))
    compute = None
    if BACKBONE.value:
        with script.quiet_imports():
            from trash_keras.config import ModelConfig
            from trash_keras.data.split import Split
            from trash_keras.data.stores import FolderStore
            from trash_keras.training import features
        model = ModelConfig(backbone=BACKBONE.value, weights=WEIGHTS.value)
        extractor = features.extractor(model, SIZE.value, SEED.value)

        def compute(chosen: typing.Any, name: str) -> typing.Any:
            split = Split(chosen, name, FolderStore(data), SIZE.value, "stretch")
            return features.of_split(extractor, split, BATCH_SIZE.value, OUTPUT.value)

    findings = auditing.audit(catalog, data, thresholds, compute, seed=SEED.value)
    command = "python -m experiments.audit " + shlex.join(sys.argv[1:])
    page.publish(findings, OUTPUT.value, data, command, GROUPS.value)
    print("\n".join([*page.verdict(findings), f"Page: {OUTPUT.value}/audit.html"]))


if __name__ == "__main__":
    script.run(main)
