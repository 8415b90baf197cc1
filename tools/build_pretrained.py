"""Makes an exported int8 file the pretrained model of the package, with its model card.

    python -m tools.build_pretrained --workdir=RUN --home=REPORT --external=REPORT

The last step of tools/build_pretrained.sh, which trains, distils, exports and evaluates first.
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
    """Writes the three files."""
    reject_positional_arguments(paths)

    import shutil
    from pathlib import Path

    from tools import pretrained_card
    from trash_keras.storage import local

    model = Path(WORKDIR.value) / "export" / "model_int8.tflite"
    found = pretrained_card.figures(
        Path(WORKDIR.value), model, Path(HOME.value), Path(EXTERNAL.value)
    )
    output = Path(OUTPUT.value or pretrained.FOLDER)
    with local.atomic_write(output / pretrained.FILE_NAME) as temporary:
        shutil.copyfile(model, temporary)
    local.write_json(output / pretrained.FIGURES_NAME, found)
    local.write_text(output / pretrained.CARD_NAME, pretrained_card.render(found))
    print(f"{model} -> {output}: accuracy {found['test']['accuracy']:.4f}, {found['bytes']} bytes")


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
