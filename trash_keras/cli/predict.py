"""Classifies images, or all images in folders (inference).

    trash-keras predict [--model=FILE_OR_DIR] [--format=json] [--explain=DIR] PATH...

Prints a line an image; --explain also draws a saliency map of each (Grad-CAM), --save_unsure
copies those that the model is unsure of, for `trash-keras review`. A file that cannot be read gets
a line on stderr, and the exit status is 1 at the end. For millions of images, as an
Apache Beam job (batch inference) that continues after a kill:

    trash-keras predict --model=FILE_OR_DIR --runner=DirectRunner --output=DIR PATH...

DIR gets predictions-*.jsonl or .parquet, errors-*.jsonl (unreadable files) and summary.json.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from absl import flags

from trash_keras import pretrained
from trash_keras.batch import beam, writers
from trash_keras.cli import launch
from trash_keras.cli.flags import (
    define_model,
    define_setting,
    define_threshold,
    define_trust,
    reject_useless,
)
from trash_keras.storage import local, locks
from trash_keras.storage.addresses import public_value
from trash_keras.storage.names import printable

if TYPE_CHECKING:
    from trash_keras.predictor import Prediction
    from trash_keras.reporting.prediction_lines import PredictionLines

MODEL = define_model()
TRUST = define_trust()
THRESHOLD = define_threshold()
FORMAT = flags.DEFINE_enum("format", "text", ("text", "json"), "text, or one JSON object a line.")
TOP_K = flags.DEFINE_integer("top_k", 3, "Classes shown an image in text form.", 1, 10**6)
EXPLAIN = flags.DEFINE_string(
    "explain",
    None,
    "Folder for a saliency map of each image (Grad-CAM, an explanation); needs a .keras file.",
)
SAVE_UNSURE = flags.DEFINE_string(
    "save_unsure",
    None,
    "Folder for copies of the images that the model is unsure of (active learning); name them with "
    "`trash-keras review`.",
)
PATHS_FILE = flags.DEFINE_string("paths_file", "", "Text file naming an image file a line.")
BATCH_SIZE = define_setting("batch_size")
MAX_MEGAPIXELS = define_setting("max_megapixels")
RUNNER = flags.DEFINE_enum(
    "runner", None, beam.RUNNERS, "Apache Beam runner of a job; needs --output."
)
OUTPUT = flags.DEFINE_string("output", None, "Folder of a job's results; gs:// and s3:// too.")
OUTPUT_FORMAT = flags.DEFINE_enum(
    "output_format", "jsonl", tuple(writers.WRITERS), "Form of a job's results."
)
EXAMPLES_PER_FILE = flags.DEFINE_integer(
    "examples_per_file", 512, "Images per file of results.", 1, 10**6
)
RUNNER_OPTIONS = flags.DEFINE_string(
    "runner_options", "", "Beam's own options, as in '--project=P --temp_location=gs://B/tmp'."
)
GROUPS = {
    "Model": (MODEL, THRESHOLD, TRUST),
    "Output": (FORMAT, TOP_K, EXPLAIN, SAVE_UNSURE),
    "Images": (PATHS_FILE, BATCH_SIZE, MAX_MEGAPIXELS),
    "As a job": (RUNNER, OUTPUT, OUTPUT_FORMAT, EXAMPLES_PER_FILE, RUNNER_OPTIONS),
}


def main(paths: Sequence[str]) -> int:
    """Prints a prediction for each image, or runs the job."""
    if not paths and not PATHS_FILE.value:
        raise ValueError("Name at least one image or folder: trash-keras predict ... PATH...")
    if (RUNNER.value is None) != (OUTPUT.value is None):
        raise ValueError("A job takes --runner and --output. Received one of them alone.")
    alone = (FORMAT, TOP_K, EXPLAIN, SAVE_UNSURE)
    with_job = (OUTPUT_FORMAT, EXAMPLES_PER_FILE, RUNNER_OPTIONS)
    others = alone if RUNNER.value else with_job
    reject_useless(others, "with --runner" if RUNNER.value else "without --runner")

    with launch.quiet_imports():
        from trash_keras.data import file_roles, image_files

    file_roles.require("model", MODEL.value or "")
    file_roles.require("paths_file", PATHS_FILE.value)
    for flag in (EXPLAIN, SAVE_UNSURE, OUTPUT):
        local.require_folder(flag.name, flag.value or "")
    for flag in (EXPLAIN, SAVE_UNSURE):
        if flag.value:
            image_files.require_outside(flag.name, flag.value, paths)
    images = image_files.iter_image_files(paths, PATHS_FILE.value)
    model = MODEL.value or str(pretrained.path())
    if RUNNER.value:
        return _run_job(model, images)
    with locks.hold("explain", EXPLAIN.value):
        return _print_predictions(model, images)


def _print_predictions(model: str, images: Iterable[str]) -> int:
    from trash_keras import predictor

    with launch.quiet_imports():
        predictor.import_runtime(model)
        from trash_keras.reporting import prediction_lines

        if SAVE_UNSURE.value:
            from trash_keras.review import collect
        if EXPLAIN.value:
            from trash_keras.evaluation import explain
    if EXPLAIN.value:
        explainer = explain.Explainer.load(model)
    classifier = predictor.load(model, threshold=THRESHOLD.value, trust_model=TRUST.value)
    limit = MAX_MEGAPIXELS.value
    lines = prediction_lines.PredictionLines(classifier.class_names, TOP_K.value)
    predictions = classifier.predict_stream(lines.watch(images), BATCH_SIZE.value, limit)
    if EXPLAIN.value:
        predictions = explain.draw(explainer, predictions, EXPLAIN.value, limit)
    if SAVE_UNSURE.value:
        counts = collect.Counts()
        predictions = collect.collect(predictions, SAVE_UNSURE.value, MODEL.value or "", counts)
    status = _print(predictions, lines)
    if SAVE_UNSURE.value:
        there = f", {counts.already} were there already" if counts.already else ""
        line = f"{counts.saved} images saved in {SAVE_UNSURE.value}{there}"
        print(printable(line), file=sys.stderr)
    return status


def _print(predictions: Iterable["Prediction"], lines: "PredictionLines") -> int:
    """Prints predictions as they come; returns the exit status."""
    status, as_json = 0, FORMAT.value == "json"
    for prediction in predictions:
        status |= bool(prediction.error)
        if as_json and not prediction.error:
            print(json.dumps(prediction.to_dict()), flush=True)
        else:
            lines.write(prediction)
    if not as_json:
        lines.write_count()
    return status


def _run_job(model: str, images: Iterable[str]) -> int:
    from trash_keras import predictor

    with launch.quiet_imports():
        predictor.import_runtime(model)
        from trash_keras.batch import predict

    options = predict.PredictOptions(
        OUTPUT_FORMAT.value, EXAMPLES_PER_FILE.value, BATCH_SIZE.value, MAX_MEGAPIXELS.value,
        THRESHOLD.value, TRUST.value,
    )  # fmt: skip
    counts = predict.predict_images(
        model, images, OUTPUT.value, options, RUNNER.value, RUNNER_OPTIONS.value
    )
    print(
        f"{counts['predictions']} of {counts['images']} images classified in "
        f"{public_value(OUTPUT.value)}, "
        f"{counts['errors']} unreadable"
    )
    return 0
