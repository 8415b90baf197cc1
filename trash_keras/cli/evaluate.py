"""Scores a model on labelled images.

    trash-keras evaluate --model=FILE_OR_DIR --data_dir=DIR --output=DIR

Without --catalog every image of DIR counts; with it, those of one split. --explanations=60 tests
how far the saliency maps of a .keras file can be trusted (deletion and insertion),
--out_of_scope=FOLDER how well images of anything else are told from the scored ones
(out-of-distribution detection). --robustness also scores the images brighter, blurred, turned and
so on (corruption robustness).

--label_map=FILE scores data whose classes have other names. The file is a JSON object of their
names and the model's, or null for images that do not count:

    {"bottle": "glass", "jar": "glass", "can": "metal", "battery": null}
"""

import functools
import typing
from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import (
    define_setting,
    define_threshold,
    reject_positional_arguments,
    reject_useless,
)

MODEL = flags.DEFINE_string(
    "model", None, "A .keras, .tflite or .onnx file or a SavedModel folder."
)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Class folders, shards, or tfds:NAME.")
OUTPUT = flags.DEFINE_string("output", None, "Folder for report.json, report.html and figures.")
CATALOG = flags.DEFINE_string("catalog", None, "A run's catalog.json, to score one of its splits.")
SPLIT = flags.DEFINE_string("split", "test", "Split of --catalog: train, valid or test.")
LABEL_MAP = flags.DEFINE_string("label_map", None, "JSON file of the data's classes and ours.")
SUBSETS = define_setting("subsets")
ROBUSTNESS = flags.DEFINE_bool("robustness", False, "Also score changed images: 40 of each.")
ROBUSTNESS_PICTURES = flags.DEFINE_integer(
    "robustness_pictures", 0, "Images that --robustness changes; 0: all.", lower_bound=0
)
OUT_OF_SCOPE = flags.DEFINE_string(
    "out_of_scope",
    None,
    "Folder of images of anything else, to be told from the scored ones: out-of-distribution "
    "(OOD) detection.",
)
EXPLANATIONS = flags.DEFINE_integer(
    "explanations",
    None,
    "Images to test the saliency maps on, by deletion and insertion: 102 predictions each.",
    lower_bound=2,
)
THRESHOLD = define_threshold()
TTA = flags.DEFINE_integer(
    "tta",
    None,
    "Views of each image (test-time augmentation), for a .keras file: 1, 2, 4 or 8. Default: the "
    "run's own.",
)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images per step.", lower_bound=1)
DATA_FORMAT = define_setting("data_format")
BAD_FILES = define_setting("bad_files")
MAX_MEGAPIXELS = define_setting("max_megapixels")
flags.mark_flags_as_required(["model", "data_dir", "output"])
GROUPS = {
    "Model": (MODEL, THRESHOLD, TTA),
    "Data": (DATA_DIR, CATALOG, SPLIT, LABEL_MAP),
    "Reading": (DATA_FORMAT, BAD_FILES, MAX_MEGAPIXELS, BATCH_SIZE),
    "Output": (OUTPUT,),
    "More to measure": (SUBSETS, ROBUSTNESS, ROBUSTNESS_PICTURES, OUT_OF_SCOPE, EXPLANATIONS),
}


def main(paths: Sequence[str]) -> None:
    """Scores the model and writes the report."""
    reject_positional_arguments(paths)
    if not ROBUSTNESS.value:
        reject_useless([ROBUSTNESS_PICTURES], "without --robustness")

    with launch.quiet_imports():
        from trash_keras import corrupted_answers, explaining, scoping, scoring
        from trash_keras.data import stores
        from trash_keras.evaluation import out_of_scope, publishing, report, robustness, subsets
        from trash_keras.prediction import Predictor

    explainer = explaining.find(MODEL.value, required=EXPLANATIONS.value is not None)
    predictor = Predictor.load(MODEL.value, tta=TTA.value).with_threshold(THRESHOLD.value)
    limit = MAX_MEGAPIXELS.value
    options = {"batch_size": BATCH_SIZE.value, "max_megapixels": limit}
    others = scoping.others(OUT_OF_SCOPE.value, limit) if OUT_OF_SCOPE.value is not None else None
    store = stores.open_store(DATA_DIR.value, DATA_FORMAT.value)
    scored, run, details = _chosen(store, predictor.contract.class_names)
    pictures, split = scored.catalog, scored.split
    subset_of = subsets.load(SUBSETS.value, pictures.paths())
    answers = scoring.answers(predictor, pictures, split, store, **options)
    read = functools.partial(stores.read_pictures, store)
    details["answering"] = predictor.contract.answering()
    details["run"] = publishing.provenance(launch.command(), DATA_DIR.value)
    if explainer and EXPLANATIONS.value:
        count = EXPLANATIONS.value
        details["explanations"] = explaining.check(explainer, answers, read, count, limit)
    if ROBUSTNESS.value:
        some = pictures.share(split, ROBUSTNESS_PICTURES.value)
        details["robustness"] = corrupted_answers.score(
            predictor, some, split, store, answers, **options
        )
    if others:
        details["out_of_scope"] = scoping.measure(
            MODEL.value, predictor, answers, scored, others, run=run, **options
        )
    result = publishing.publish(
        OUTPUT.value,
        {split: answers},
        details,
        counts=pictures.counts(),
        read_pictures=read,
        explained=explaining.of_mistakes(explainer, answers, read, limit),
        subset_of=subset_of,
    )
    print(report.summary(split, result[split]))
    if others:
        print(out_of_scope.summary(result["out_of_scope"]))
    if ROBUSTNESS.value:
        print(robustness.summary(result["robustness"]))
    print(f"Report: {OUTPUT.value}/report.html")


def _chosen(store: typing.Any, class_names: Sequence[str]) -> tuple[typing.Any, typing.Any, dict]:
    """Returns the pictures to score, the catalog of the run or None, and what a report says."""
    from trash_keras.data import label_maps, screening
    from trash_keras.data.catalog import Catalog, whole
    from trash_keras.scoping import Source

    run = Catalog.load(CATALOG.value) if CATALOG.value else None
    split = SPLIT.value if run else "all"
    members = store.members()
    pictures = (run or whole(members)).only(split)
    pictures.require(members, DATA_DIR.value)
    details: dict = {}
    if LABEL_MAP.value:
        label_map = label_maps.read(LABEL_MAP.value, class_names)
        pictures, details["label_map"] = label_maps.apply(label_map, pictures)
    pictures = screening.keep_decodable(pictures, store, BAD_FILES.value, MAX_MEGAPIXELS.value)
    details["bad_files"] = list(pictures.bad_files)
    return Source(pictures, split, store), run, details
