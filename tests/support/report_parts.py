"""Parts of reports, and the images that a page shows."""

import base64
import io
import re
from pathlib import Path

from PIL import Image

ORIGINAL = ["cardboard", "glass", "metal", "paper", "plastic", "trash"]
EPOCHS = [
    {"phase": "head", "epoch": epoch, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0,
     "val_accuracy": 0.6 + epoch / 100}
    for epoch in range(3)
]  # fmt: skip
CONFIG = {
    "data": {"batch_size": 32, "split_dir": None, "image_size": 64},
    "model": {"backbone": "some/where/lite.keras"},
    "runtime": {"seed": 7},
}
RUN = {
    "machine": "Linux", "git_revision": "0123456789ab", "best_epoch": 2, "best_phase": "head",
    "command": "trash-keras train --seed=7 --runner_options='--a --b'",
}  # fmt: skip
MODEL_FILES = [
    {"format": "keras", "path": "model.keras", "bytes": 14_200_000, "accuracy": 0.93,
     "agreement": None, "max_difference": None, "latency": None},
    {"format": "float32", "path": "export/model_float32.tflite", "bytes": 13_500_000,
     "accuracy": None, "agreement": None, "max_difference": 2.9e-6, "latency": None},
]  # fmt: skip


def top_error(file: str, **more) -> dict:
    """A row of `mistakes` of a report, which are its top errors."""
    found = {"file": file, "truth": "glass", "prediction": "metal", "probability": 0.934}
    return {**found, **more}


def write_image(path: Path, size: tuple[int, int] = (40, 30), kind: str | None = None) -> Path:
    """Writes an orange image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "orange").save(path, kind)
    return path


def write_images(folder: Path, found) -> None:
    """Writes each image of `Predictions`, in a size of its own."""
    for number, file in enumerate(found.paths):
        write_image(folder / file, (20 + number, 20))


def embedded(source: str) -> Image.Image:
    """Opens what a page has in an address of its own."""
    found = re.fullmatch(r"data:image/(png|jpeg);base64,(.+)", source)
    assert found, source[:40]
    kind, encoded = found.groups()
    image = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    image.load()
    assert image.format == kind.upper()
    return image
