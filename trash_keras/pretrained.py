"""The pretrained model that comes with the package, for those who bring none of their own."""

from pathlib import Path

FOLDER = Path(__file__).with_name("assets")
FILE_NAME = "trashnet_int8.tflite"
TRAINABLE_NAME = "trashnet.keras"
BESIDE_TRAINABLE = ("features.npz", "catalog.json")  # as in the folder of its run
FIGURES_NAME = "figures.json"
CARD_NAME = "MODEL_CARD.md"


def path() -> Path:
    """Returns the file: TrashNet's six classes, uint8 images in and probabilities out.

    `MODEL_CARD.md` beside it has its scores and limits.

    Raises:
        ValueError: This copy of the package has no model in it.
    """
    return _required(FILE_NAME)


def trainable() -> Path:
    """Returns the same model before quantization, to be adapted: a `.keras` file, in float16.

    What its run kept, see `BESIDE_TRAINABLE`, lies beside it.

    Raises:
        ValueError: This copy of the package has no such model in it.
    """
    return _required(TRAINABLE_NAME)


def _required(name: str) -> Path:
    file = FOLDER / name
    if not file.is_file():
        raise ValueError(f"No model came with this package ({file} is missing). Give --model=FILE.")
    return file
