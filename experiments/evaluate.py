"""Scores a model on labelled pictures.

    python -m experiments.evaluate --model=FILE_OR_DIR --data_dir=DIR --output=DIR

Without --catalog every picture of DIR counts; with it, those of one split. --explanations=60 tests
how far the heat maps of a .keras file can be trusted, --out_of_scope=FOLDER how well pictures of
anything else are told from the scored ones. --robustness also scores the pictures brighter,
blurred, turned and so on.

--label_map=FILE scores data whose classes have other names. The file is a JSON object of their
names and the model's, or null for pictures that do not count:

    {"bottle": "glass", "jar": "glass", "can": "metal", "battery": null}
"""

import shlex
import sys
from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

MODEL = flags.DEFINE_string(
    "model", None, "A .keras, .tflite or .onnx file or a SavedModel folder."
)
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
THRESHOLD = script.define_threshold()
DATA_FORMAT = script.define_setting("data_format")
BAD_FILES = script.define_setting("bad_files")
MAX_MEGAPIXELS = script.define_setting("max_megapixels")
EXPLANATIONS = flags.DEFINE_integer(
    "explanations",
    None,
    "Pictures to test the heat maps on, by deletion and insertion: 102 answers each.",
    lower_bound=2,
)
OUT_OF_SCOPE = flags.DEFINE_string(
    "out_of_scope", None, "Folder of pictures of anything else, to be told from the scored ones."
)
SUBSETS = script.define_setting("subsets")
flags.mark_flags_as_required(["model", "data_dir", "output"])


def main(paths: Sequence[str]) -> None:
    """Scores the model and writes the report."""
    script.refuse(paths)
    if ROBUSTNESS_PICTURES.present and not ROBUSTNESS.value:
        raise ValueError("--robustness_pictures changes nothing without --robustness.")

    with script.quiet_imports():
        from trash_keras.evaluation import out_of_scope, report, robustness
        from trash_keras.evaluation.evaluate import evaluate

    found = evaluate(
        MODEL.value,
        DATA_DIR.value,
        OUTPUT.value,
        command="python -m experiments.evaluate " + shlex.join(sys.argv[1:]),
        catalog=CATALOG.value or "",
        split=SPLIT.value,
        label_map=LABEL_MAP.value or "",
        data_format=DATA_FORMAT.value,
        bad_files=BAD_FILES.value,
        slices=SUBSETS.value,
        max_megapixels=MAX_MEGAPIXELS.value,
        batch_size=BATCH_SIZE.value,
        tta=TTA.value,
        threshold=THRESHOLD.value,
        robustness=ROBUSTNESS.value,
        robustness_images=ROBUSTNESS_PICTURES.value,
        ood_dir=OUT_OF_SCOPE.value,
        saliency_check=EXPLANATIONS.value,
    )
    split = SPLIT.value if CATALOG.value else "all"
    print(report.summary(split, found[split]))
    if "out_of_scope" in found:
        print(out_of_scope.summary(found["out_of_scope"]))
    if "robustness" in found:
        print(robustness.summary(found["robustness"]))
    print(f"Report: {OUTPUT.value}/report.html")


if __name__ == "__main__":
    script.run(main)
