"""The pretrained model that comes with the package, for those who bring none of their own."""

from pathlib import Path

FOLDER = Path(__file__).with_name("assets")
FILE_NAME = "trashnet_int8.tflite"
FIGURES_NAME = "figures.json"
CARD_NAME = "MODEL_CARD.md"


def path() -> Path:
    """Returns the file: TrashNet's six classes, uint8 images in and probabilities out.

    `MODEL_CARD.md` beside it has its scores and limits.

    Raises:
        ValueError: This copy of the package has no model in it.
    """
    file = FOLDER / FILE_NAME
    if not file.is_file():
        raise ValueError(f"No model came with this package ({file} is missing). Give --model=FILE.")
    return file
