"""Audits a data set: bad files, near-duplicates, leaks, outliers, label errors.

    trash-keras audit --data_dir=DIR --output=DIR [--backbone=ResNet50]

Writes OUTPUT/audit.html, audit.json, and audit.csv: a list of what to drop and what to look at, for
`trash-keras prepare --apply`. Changes nothing in DIR.
"""

import shlex
import typing
from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import define_setting, reject_positional_arguments
from trash_keras.host import terminal
from trash_keras.storage.addresses import public_value
from trash_keras.storage.names import printable

define, whole, real = flags.DEFINE_string, flags.DEFINE_integer, flags.DEFINE_float
METHODS = ("none", "stratified", "official", "folders")
DATA_DIR = define(
    "data_dir",
    None,
    "Folder with one sub-folder of images per class; several sources, as PLACE or NAME=PLACE, are "
    "separated by commas.",
)
OUTPUT = define("output", None, "Folder for audit.html, audit.csv, audit.json and cached features.")
GROUPS_FILE = define(
    "groups", "", "JSON file to write near-duplicate groups to, for grouped splits."
)
CATALOG = define("catalog", "", "A run's catalog.json, to find what crosses its splits.")
METHOD = flags.DEFINE_enum("split_method", "none", METHODS, "Splits to look across, as in train.")
SPLIT_DIR = define("split_dir", "", "Folder of the official lists, as in train.")
SEED = whole("seed", 0, "Of the stratified split and of the folds.", 0, 2**31 - 1)
BACKBONE = define("backbone", "", "keras.applications name or .keras file; empty: use none.")
WEIGHTS = define("weights", "imagenet", "Of the backbone: imagenet, none or a file, as in train.")
SIZE = define_setting("image_size")
BATCH_SIZE = define_setting("batch_size")
DISTANCE = whole("max_distance", 10, "Most differing bits of two perceptual hashes, of 64.", 0, 64)
SIMILARITY = real("min_similarity", 0.85, "Least cosine of two images' features, 0..1.", 0, 1)
CORRELATION = real("min_correlation", 0.8, "Least correlation of a pair's pixels, 0..1.", 0, 1)
flags.mark_flags_as_required(["data_dir", "output"])
GROUPS = {
    "Data": (DATA_DIR,),
    "Output": (OUTPUT, GROUPS_FILE),
    "Leaks between splits": (CATALOG, METHOD, SPLIT_DIR, SEED),
    "Features, to find outliers and label errors by": (BACKBONE, WEIGHTS, SIZE, BATCH_SIZE),
    "Thresholds": (DISTANCE, SIMILARITY, CORRELATION),
}


def _features_of() -> typing.Any:
    """Returns what computes the features of a split, see `audit.FeaturesOf`."""
    with launch.quiet_imports():
        from trash_keras.config import ModelConfig
        from trash_keras.data.pipeline import Split
        from trash_keras.data.readers.base import open_reader
        from trash_keras.training import features

    model = ModelConfig(backbone=BACKBONE.value, weights=WEIGHTS.value)
    extractor = features.extractor(model, SIZE.value, SEED.value)
    reader = open_reader(DATA_DIR.value)
    return lambda catalog, name: features.of_split(
        extractor, Split(catalog, name, reader, resize="stretch"), BATCH_SIZE.value, OUTPUT.value
    )


def main(paths: Sequence[str]) -> None:
    """Audits and writes what was found."""
    reject_positional_arguments(paths)

    from trash_keras.data import file_roles, places
    from trash_keras.data.audit import audit, duplicates
    from trash_keras.reporting import audit_page
    from trash_keras.storage import local, locks

    local.require_folder("output", OUTPUT.value)
    file_roles.require_target("groups", GROUPS_FILE.value, ("groups",))
    data, splits = DATA_DIR.value, (METHOD.value, SEED.value, SPLIT_DIR.value)
    with locks.hold("output", OUTPUT.value):
        catalog = audit.read_catalog(data, CATALOG.value, *splits)
        thresholds = duplicates.Thresholds(DISTANCE.value, SIMILARITY.value, CORRELATION.value)
        audit.require_packages(labels=bool(BACKBONE.value))
        compute = _features_of() if BACKBONE.value else None
        findings = audit.audit(catalog, data, thresholds, compute, seed=SEED.value)
        audit_page.write(findings, OUTPUT.value, data, launch.command(), GROUPS_FILE.value)
    terminal.write([(f"{audit_page.headline(findings)}.", "bold")])
    print(printable("\n".join(audit_page.verdict(findings)), keep="\n"))
    print(printable(f"Page: {OUTPUT.value}/audit.html"))
    if "" in places.addresses(data):
        print(printable(f"List: {OUTPUT.value}/audit.csv; when you have looked at it:"))
        named = {"source": public_value(data), "apply": f"{OUTPUT.value}/audit.csv"}
        given = shlex.join(f"--{name}={value}" for name, value in named.items())
        line = printable(f"  trash-keras prepare {given} --data_dir=NEW")
        terminal.write([(line, "cyan")], to_copy=True)
