r"""Compares scores of out-of-distribution (OOD) detection on runs, and measures outlier exposure.

python -m tools.ood_comparison --data_dir=DIR --external_dir=DIR --output=DIR \
    --ood_dir=near=FOLDER,far=FOLDER RUN RUN...

In-distribution are the test images of the runs, and those of --external_dir, which come from
elsewhere. `Left-out class` chooses between the scores without any OOD image: the mean over the
classes of training without a class and telling its images from the test images of the others. All
of it is done with features. Outlier exposure shows two kinds of the first folder at a time.
"""

import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from tools import ood_scores
from tools.ood_scores import Head, fit_head
from trash_keras.calibration import ood
from trash_keras.cli import launch
from trash_keras.data import outliers
from trash_keras.data.catalog import Catalog, single_split
from trash_keras.data.pipeline import Split
from trash_keras.data.readers import base
from trash_keras.evaluation.ood import Runner
from trash_keras.metrics.ood import separability
from trash_keras.models import classifier, inference
from trash_keras.predictor import Predictor
from trash_keras.reporting import markdown
from trash_keras.runtimes import keras_file
from trash_keras.storage import local

DRAWS = 3
FEW = 20  # images a class of the other place, and of each kind shown
Images = Mapping[str, np.ndarray]  # features of each set, and classes of those that have some


def read_features(run: Path, data_dir: str, external_dir: str, ood_dir: str) -> dict[str, Any]:
    """Computes the features of all images.

    Args:
        run: Workdir with `model.keras` and `catalog.json`.
        data_dir: Images of the catalog.
        external_dir: Class folders from elsewhere, of some of the classes.
        ood_dir: As `outliers.named_splits` takes it.

    Returns:
        `train`, `valid`, `test`, `external` and each OOD folder, float [N, channels]; `*_labels`
        and `*_kinds` of them; `kernel`, `bias` and `temperature`.
    """
    model = inference.load(run / "model.keras")
    raw, predictor = classifier.raw_classifier(model), Predictor.load(run / "model.keras")
    metadata = predictor.metadata
    extract = keras_file.predict_batch(inference.feature_extractor(raw, metadata.tta), metadata.tta)
    reader, catalog = base.open_reader(data_dir), Catalog.load(run / "catalog.json")
    elsewhere = base.open_reader(external_dir)
    splits = {name: Split(catalog, name, reader) for name in ("train", "valid", "test")}
    splits["external"] = Split(single_split(elsewhere.files_by_class()), "all", elsewhere)
    folders = outliers.named_splits(ood_dir)
    found: dict[str, Any] = {"temperature": metadata.temperature}
    found["kernel"], found["bias"] = raw.get_layer(classifier.LOGITS).get_weights()
    runner = Runner(run / "model.keras", predictor)
    for name, split in (splits | folders).items():
        found[name] = runner.run(extract, split, f"Features of {name}")
    for name, split in splits.items():
        names = [split.catalog.class_names[label] for label in split.examples()[1]]
        found[f"{name}_labels"] = np.array([metadata.class_names.index(each) for each in names])
    for name, split in folders.items():
        found[f"{name}_kinds"] = np.array([kind for _, kind in outliers.origins(name, split)])
    return found


def compare_scores(images: Images, folders: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns score -> column -> AUROC of one run; the columns are those of the table.

    Args:
        images: From `read_features`.
        folders: Names of the OOD folders.
    """
    detector = ood.fit(images["train"], images["valid"])
    head = Head(
        images["train"], images["train_labels"], images["kernel"], images["bias"], detector,
        float(images["temperature"]),
    )  # fmt: skip
    score = {
        name: ood_scores.all_scores(head, images[name]) for name in ("test", "external", *folders)
    }
    found: dict[str, dict[str, float]] = {name: {} for name in ood_scores.TITLES}
    for name, areas in _left_out_classes(images).items():
        found[name]["left-out class"] = areas
    for inside, folder, name in itertools.product(("test", "external"), folders, found):
        kinds = images[f"{folder}_kinds"]
        several = sorted(set(kinds.tolist()))
        for kind in ["", *(several if len(several) > 1 else [])]:
            chosen = score[folder][name][(kinds == kind) | (kind == "")]
            column = f"{inside}: {kind or folder}"
            found[name][column] = separability(score[inside][name], chosen)["auroc"]
    return found


def _left_out_classes(images: Images) -> dict[str, float]:
    areas: dict[str, list[float]] = {name: [] for name in ood_scores.TITLES}
    for label in np.unique(images["train_labels"]):
        kept = {name: images[f"{name}_labels"] != label for name in ("train", "valid", "test")}
        _, labels = np.unique(images["train_labels"][kept["train"]], return_inverse=True)
        train = images["train"][kept["train"]]
        head = fit_head(train, labels, ood.fit(train, images["valid"][kept["valid"]]))
        inside = ood_scores.all_scores(head, images["test"][kept["test"]])
        left_out = np.concatenate([images[name][~rows] for name, rows in kept.items()])
        outside = ood_scores.all_scores(head, left_out)
        for name in areas:
            areas[name].append(separability(inside[name], outside[name])["auroc"])
    return {name: float(np.mean(each)) for name, each in areas.items()}


def measure_exposure(images: Images, folders: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns row -> column -> mean over draws and pairs of shown kinds.

    A draw takes `FEW` images of each kind of the first folder, two kinds of which are shown, and
    where the head also learns from the other place, `FEW` of each of its classes. All others are
    measured on: those of the kinds shown, of the kinds not shown, and the last folder.

    Args:
        images: From `read_features`.
        folders: Names of the OOD folders, the first one with kinds.
    """
    kinds = images[f"{folders[0]}_kinds"]
    rows: dict[str, list[dict[str, float]]] = {}
    for draw in range(DRAWS):
        few = _few(images["external_labels"], draw)
        shown_images = _few(kinds, draw)
        for place in ("home", "home and elsewhere"):
            train, labels = images["train"], images["train_labels"]
            if place != "home":
                train = np.concatenate([train, images["external"][few]])
                labels = np.concatenate([labels, images["external_labels"][few]])
            detector = ood.fit(train, images["valid"])
            plain = fit_head(train, labels, detector)
            for shown in itertools.combinations(sorted(set(kinds.tolist())), 2):
                of_kind = np.isin(kinds, shown)
                others = images[folders[0]][of_kind & shown_images]
                exposed = fit_head(train, labels, detector, others)
                outside = {
                    "shown kinds": images[folders[0]][of_kind & ~shown_images],
                    "other kinds": images[folders[0]][~of_kind & ~shown_images],
                    folders[-1]: images[folders[-1]],
                }
                for name, head in (("alone", plain), ("with exposure", exposed)):
                    found = _measured(head, images, ~few, outside)
                    rows.setdefault(f"{place}, {name}", []).append(found)
    return {
        name: {column: float(np.mean([each[column] for each in found])) for column in found[0]}
        for name, found in rows.items()
    }


def _few(groups: np.ndarray, seed: int) -> np.ndarray:
    """Returns bool [N], true for `FEW` of each group, at most half of it."""
    generator, chosen = np.random.default_rng(seed), np.zeros(len(groups), bool)
    for group in np.unique(groups):
        rows = generator.permutation(np.flatnonzero(groups == group))
        chosen[rows[: min(FEW, len(rows) // 2)]] = True
    return chosen


def _measured(
    head: Head, images: Images, rest: np.ndarray, outside: Mapping[str, np.ndarray]
) -> dict[str, float]:
    found = {}
    inside = {
        "test": (images["test"], images["test_labels"]),
        "external": (images["external"][rest], images["external_labels"][rest]),
    }
    for name, (features, labels) in inside.items():
        found[f"{name}: accuracy"] = float((head.logits(features).argmax(1) == labels).mean())
        for other, rows in outside.items():
            areas = separability(head.confidence(features), head.confidence(rows))
            found[f"{name}: {other}"] = areas["auroc"]
    return found


def table(runs: Sequence[Mapping[str, Mapping[str, float]]], titles: Mapping[str, str]) -> str:
    """Returns a Markdown table of the means over runs, and of several their range.

    Args:
        runs: Row -> column -> 0 to 1, of each run.
        titles: Row -> what it is called; rows without a title are called by their name.
    """

    def cell(row: str, column: str) -> str:
        values = [run[row][column] for run in runs]
        spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
        return f"{np.mean(values):.3f}{spread}"

    columns = list(next(iter(runs[0].values())))
    rows = ([titles.get(row, row), *(cell(row, column) for column in columns)] for row in runs[0])
    return markdown.table(["", *columns], rows)


def main(runs: Sequence[str]) -> None:
    """Measures all runs, prints both tables, and writes their figures of each run."""
    if not runs:
        raise ValueError("Name at least one run: a workdir with model.keras and catalog.json.")
    folders = list(outliers.named_splits(OOD_DIR.value))
    scores, exposures = [], []
    for run in map(Path, runs):
        images = read_features(run, DATA_DIR.value, EXTERNAL_DIR.value, OOD_DIR.value)
        scores.append(compare_scores(images, folders))
        exposures.append(measure_exposure(images, folders))
    found = {"runs": list(runs), "scores": scores, "exposure": exposures}
    local.write_json(f"{OUTPUT.value}/ood_comparison.json", found)
    print(table(scores, ood_scores.TITLES), end="\n\n")
    print(table(exposures, {}))


if __name__ == "__main__":
    # Not when a test imports the rest: flags are one name space for all tools and verbs.
    DATA_DIR = flags.DEFINE_string("data_dir", None, "Images of the runs: class folders.")
    EXTERNAL_DIR = flags.DEFINE_string("external_dir", None, "Class folders from elsewhere.")
    OOD_DIR = flags.DEFINE_string("ood_dir", None, "near=FOLDER,far=FOLDER; the first has kinds.")
    OUTPUT = flags.DEFINE_string("output", None, "Folder for ood_comparison.json.")
    flags.mark_flags_as_required(["data_dir", "external_dir", "ood_dir", "output"])
    launch.run(sys.modules[__name__])
