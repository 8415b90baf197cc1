"""Scores a model on labelled images.

    trash-keras evaluate --model=FILE_OR_DIR --data_dir=DIR --output=DIR

Without --catalog every image of DIR counts; with it, those of one split. --saliency_check=60 tests
how far the saliency maps of a .keras file can be trusted (deletion and insertion),
--ood_dir=FOLDER how well images of other things are told from the scored ones
(out-of-distribution detection); near=FOLDER,far=FOLDER reports on several, and on the kinds that
their sub-folders are. --robustness also scores corrupted images: brighter, blurred,
rotated and so on.

--label_map=FILE scores data whose classes have other names. The file is a JSON object of their
names and the model's, or null for images that do not count:

    {"bottle": "glass", "jar": "glass", "can": "metal", "battery": null}
"""

from collections.abc import Sequence

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import (
    define_setting,
    define_threshold,
    define_trust,
    reject_positional_arguments,
    reject_useless,
)

MODEL = flags.DEFINE_string(
    "model", None, "A .keras, .tflite or .onnx file or a SavedModel folder."
)
DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Class folders, shards, or tfds:NAME; several sources, as PLACE or NAME=PLACE, are separated "
    "by commas.",
)
OUTPUT = flags.DEFINE_string("output", None, "Folder for report.json, report.html and figures.")
CATALOG = flags.DEFINE_string("catalog", None, "A run's catalog.json, to score one of its splits.")
SPLIT = flags.DEFINE_string("split", "test", "Split of --catalog: train, valid or test.")
LABEL_MAP = flags.DEFINE_string(
    "label_map",
    None,
    "JSON file of the data's classes and the model's; for several sources one each, separated by "
    "commas, an empty entry for none.",
)
SLICES = define_setting("slices")
AUDIT = define_setting("audit")
ROBUSTNESS = flags.DEFINE_bool(
    "robustness",
    False,
    "Also score 40 corrupted versions of each image, and 4 of other aspect ratios.",
)
ROBUSTNESS_IMAGES = flags.DEFINE_integer(
    "robustness_images", 0, "Images that --robustness corrupts; 0: all.", 0, 10**9
)
OOD_DIR = flags.DEFINE_string(
    "ood_dir",
    None,
    "Folder of images of other things, to be told from the scored ones: out-of-distribution "
    "(OOD) detection. Several: near=FOLDER,far=FOLDER; sub-folders are kinds.",
)
SALIENCY_CHECK = flags.DEFINE_integer(
    "saliency_check",
    None,
    "Images to test the saliency maps on, by deletion and insertion: 102 predictions each.",
    lower_bound=2,
    upper_bound=1_000_000,
)
THRESHOLD = define_threshold()
TRUST = define_trust()
TTA = flags.DEFINE_integer(
    "tta",
    None,
    "Views of each image (test-time augmentation), for a .keras file: 1, 2, 4 or 8. Default: the "
    "run's own.",
    1,
    8,
)
BATCH_SIZE = define_setting("batch_size")
DATA_FORMAT = define_setting("data_format")
BAD_FILES = define_setting("bad_files")
MAX_MEGAPIXELS = define_setting("max_megapixels")
flags.mark_flags_as_required(["model", "data_dir", "output"])
GROUPS = {
    "Model": (MODEL, THRESHOLD, TTA, TRUST),
    "Data": (DATA_DIR, CATALOG, SPLIT, LABEL_MAP),
    "Reading": (DATA_FORMAT, BAD_FILES, MAX_MEGAPIXELS, BATCH_SIZE),
    "Output": (OUTPUT,),
    "More to measure": (SLICES, AUDIT, ROBUSTNESS, ROBUSTNESS_IMAGES, OOD_DIR, SALIENCY_CHECK),
}


def main(paths: Sequence[str]) -> None:
    """Scores the model and writes the report."""
    reject_positional_arguments(paths)
    if not ROBUSTNESS.value:
        reject_useless([ROBUSTNESS_IMAGES], "without --robustness")

    with launch.quiet_imports():
        from trash_keras.evaluation.evaluate import evaluate
        from trash_keras.metrics import classification, robustness
        from trash_keras.reporting import by_source, ood_text

    found = evaluate(
        MODEL.value,
        DATA_DIR.value,
        OUTPUT.value,
        command=launch.command(),
        catalog=CATALOG.value or "",
        split=SPLIT.value,
        label_map=LABEL_MAP.value or "",
        data_format=DATA_FORMAT.value,
        bad_files=BAD_FILES.value,
        slices=SLICES.value,
        audit=AUDIT.value,
        max_megapixels=MAX_MEGAPIXELS.value,
        batch_size=BATCH_SIZE.value,
        tta=TTA.value,
        threshold=THRESHOLD.value,
        trust_model=TRUST.value,
        robustness=ROBUSTNESS.value,
        robustness_images=ROBUSTNESS_IMAGES.value,
        ood_dir=OOD_DIR.value,
        saliency_check=SALIENCY_CHECK.value,
    )
    split = SPLIT.value if CATALOG.value else "all"
    print(classification.summary(split, found[split]))
    for line in by_source.summary(found.get("sources", {}).get(split, {})):
        print(line)
    if "out_of_scope" in found:
        print(ood_text.summary(found["out_of_scope"]))
    if "robustness" in found:
        print(robustness.summary(found["robustness"]))
        print(robustness.frames_summary(found["robustness"]["frames"]))
    print(f"Report: {OUTPUT.value}/report.html")
