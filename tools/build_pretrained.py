"""Makes a run the pretrained model of the package: to predict with, and to adapt; its model card.

    python -m tools.build_pretrained --workdir=RUN --home=REPORT --external=REPORT

The last step of tools/build_pretrained.sh, which trains, exports and evaluates first.
The int8 file predicts; model.keras in float16 (7 MB), the features that the run kept and its
catalog are what `trash-keras adapt` starts from.
"""

import sys
from collections.abc import Sequence

from absl import flags

from trash_keras import pretrained
from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments

WORKDIR = flags.DEFINE_string("workdir", None, "Run whose export/ has an int8 file.")
HOME = flags.DEFINE_string(
    "home", None, "Report of evaluating it on the test split, with --ood_dir."
)
EXTERNAL = flags.DEFINE_string(
    "external", None, "Report of evaluating it on photographs from elsewhere."
)
OUTPUT = flags.DEFINE_string("output", None, "Folder to write; default: that of the package.")
flags.mark_flags_as_required(["workdir", "home", "external"])


def main(paths: Sequence[str]) -> None:
    """Writes model, figures and card, and what `adapt` starts from."""
    reject_positional_arguments(paths)

    import shutil
    from pathlib import Path

    from tools import half_precision, pretrained_card
    from trash_keras.storage import local

    workdir, output = Path(WORKDIR.value), Path(OUTPUT.value or pretrained.FOLDER)
    model = workdir / "export" / "model_int8.tflite"
    found = pretrained_card.figures(workdir, model, Path(HOME.value), Path(EXTERNAL.value))
    copies = {model: pretrained.FILE_NAME}
    copies |= {workdir / name: name for name in pretrained.BESIDE_TRAINABLE}
    for source, name in copies.items():
        with local.atomic_write(output / name) as temporary:
            shutil.copyfile(source, temporary)
    half_precision.write(workdir / "model.keras", output / pretrained.TRAINABLE_NAME)
    local.write_json(output / pretrained.FIGURES_NAME, found)
    local.write_text(output / pretrained.CARD_NAME, pretrained_card.render(found))
    print(f"{model} -> {output}: accuracy {found['test']['accuracy']:.4f}, {found['bytes']} bytes")


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
