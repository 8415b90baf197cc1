"""Scores a model on labelled pictures.

    python -m experiments.evaluate --model=FILE_OR_DIR --data_dir=DIR --output=DIR

Without --catalog every picture of DIR counts; with it, those of one split. --explanations=60 tests
how far the heat maps of a .keras file can be trusted. --robustness also scores the pictures
brighter, blurred, turned and so on.

--label_map=FILE scores data whose classes have other names. The file is a JSON object of their
names and the model's, or null for pictures that do not count:

    {"bottle": "glass", "jar": "glass", "can": "metal", "battery": null}
"""

import functools
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

MODEL = flags.DEFINE_string("model", None, "A .keras or .tflite file or a SavedModel folder.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Class folders, shards, or tfds:NAME.")
OUTPUT = flags.DEFINE_string("output", None, "Folder for report.json, report.html and figures.")
CATALOG = flags.DEFINE_string("catalog", None, "A run's catalog.json, to score one of its splits.")
SPLIT = flags.DEFINE_string("split", "test", "Split of --catalog: train, valid or test.")
LABEL_MAP = flags.DEFINE_string("label_map", None, "JSON file of the data's classes and ours.")
ROBUSTNESS = flags.DEFINE_bool("robustness", False, "Also score changed pictures: 40 of each.")
ROBUSTNESS_PICTURES = flags.DEFINE_integer(
    "robustness_pictures", 0, "Pictures that --robustness changes; 0: all.", lower_bound=0
)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Pictures per step.", lower_bound=1)
TTA = flags.DEFINE_integer(
    "tta", None, "Views of each picture, for a .keras file: 1, 2, 4 or 8. Default: the run's own."
)
THRESHOLD = flags.DEFINE_float(
    "threshold", None, "Unsure up to this probability, 0..1. Default: the model's own.", 0, 1
)
DATA_FORMAT = script.define_setting("data_format")
BAD_FILES = script.define_setting("bad_files")
MAX_MEGAPIXELS = script.define_setting("max_megapixels")
EXPLANATIONS = flags.DEFINE_integer(
    "explanations",
    None,
    "Pictures to test the heat maps on, by deletion and insertion: 102 answers each.",
    lower_bound=2,
)
SUBSETS = script.define_setting("subsets")
flags.mark_flags_as_required(["model", "data_dir", "output"])


def main(paths: Sequence[str]) -> None:
    """Scores the model and writes the report."""
    script.refuse(paths)
    if ROBUSTNESS_PICTURES.present and not ROBUSTNESS.value:
        raise ValueError("--robustness_pictures changes nothing without --robustness.")

    with script.quiet_imports():
        from trash_keras import corrupted_answers, explaining
        from trash_keras.data import label_maps, screening, stores
        from trash_keras.data.catalog import Catalog, whole
        from trash_keras.evaluation import publishing, report, robustness, subsets
        from trash_keras.prediction import Predictor

    explainer = explaining.find(MODEL.value, required=EXPLANATIONS.value is not None)
    predictor = Predictor.load(MODEL.value, tta=TTA.value).with_threshold(THRESHOLD.value)
    store = stores.open_store(DATA_DIR.value, DATA_FORMAT.value)
    if CATALOG.value:
        pictures, split = Catalog.load(CATALOG.value).only(SPLIT.value), SPLIT.value
        pictures.require(store.members(), DATA_DIR.value)
    else:
        pictures, split = whole(store.members()), "all"
    command = "python -m experiments.evaluate " + shlex.join(sys.argv[1:])
    details: dict = {
        "answering": predictor.contract.answering(),
        "run": publishing.provenance(command, DATA_DIR.value),
    }
    if LABEL_MAP.value:
        label_map = label_maps.read(LABEL_MAP.value, predictor.contract.class_names)
        pictures, details["label_map"] = label_maps.apply(label_map, pictures)
    limit = MAX_MEGAPIXELS.value
    pictures = screening.keep_decodable(pictures, store, BAD_FILES.value, limit)
    details["bad_files"] = list(pictures.bad_files)
    subset_of = subsets.load(SUBSETS.value, pictures.paths())
    options = {"batch_size": BATCH_SIZE.value, "max_megapixels": limit}
    answers = predictor.answers(pictures, split, store, **options)
    read = functools.partial(stores.read_pictures, store)
    explained = explaining.of_mistakes(explainer, answers, read, limit)
    if explainer and EXPLANATIONS.value:
        count = EXPLANATIONS.value
        details["explanations"] = explaining.check(explainer, answers, read, count, limit)
    if ROBUSTNESS.value:
        some = corrupted_answers.subset(pictures, split, ROBUSTNESS_PICTURES.value)
        details["robustness"] = corrupted_answers.score(
            predictor, some, split, store, answers, **options
        )
    result = publishing.publish(
        OUTPUT.value,
        {split: answers},
        details,
        counts=pictures.counts(),
        read_pictures=read,
        explained=explained,
        subset_of=subset_of,
    )
    print(report.summary(split, result[split]))
    if ROBUSTNESS.value:
        print(robustness.summary(result["robustness"]))
    print(f"Report: {OUTPUT.value}/report.html")


if __name__ == "__main__":
    script.run(main)
