"""Classifies pictures, or all pictures in folders.

    python -m experiments.predict --model=FILE_OR_DIR [--format=json] PATH...

One line a picture on stdout; a file that cannot be read gets a line on stderr, and exit status 1
at the end.
"""

import json
import sys
from collections.abc import Sequence

from absl import flags

from trash_keras import flags as script

MODEL = flags.DEFINE_string("model", None, "A .keras or .tflite file or a SavedModel folder.")
FORMAT = flags.DEFINE_enum("format", "text", ("text", "json"), "text, or one JSON object a line.")
TOP_K = flags.DEFINE_integer("top_k", 3, "Classes shown a picture in text form.", lower_bound=1)
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Pictures per step.", lower_bound=1)
MAX_MEGAPIXELS = script.define_setting("max_megapixels")
flags.mark_flags_as_required(["model"])


def main(paths: Sequence[str]) -> int:
    """Prints an answer for each picture."""
    if not paths:
        raise ValueError("Name at least one picture or folder: experiments.predict ... PATH...")

    with script.quiet_imports():
        from trash_keras import prediction

    predictor = prediction.Predictor.load(MODEL.value)
    failed = False
    for answer in prediction.classify(
        predictor, prediction.expand(paths), BATCH_SIZE.value, MAX_MEGAPIXELS.value
    ):
        if answer.error:
            failed = True
            print(f"error: {answer.file}: {answer.error}", file=sys.stderr, flush=True)
        else:
            print(_line(answer.file, answer.ranked(), answer.probabilities), flush=True)
    return int(failed)


def _line(file: str, ranked: list[tuple[str, float]], probabilities: dict[str, float]) -> str:
    if FORMAT.value == "text":
        best = ", ".join(f"{name} {share:.1%}" for name, share in ranked[: TOP_K.value])
        return f"{file}: {best}"
    label, probability = ranked[0]
    return json.dumps(
        {"file": file, "label": label, "probability": probability, "probabilities": probabilities}
    )


if __name__ == "__main__":
    script.run(main)
