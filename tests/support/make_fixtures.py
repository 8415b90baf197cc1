"""Writes tests/fixtures/: a tiny model, its exports, and what each predicts.

    python -m tests.support.make_fixtures

It was run once, with the versions that `expected.json` names. Later versions must read these files
and predict the same, so it is only run again, into another folder, where a format changes for good.
"""

import importlib.metadata
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from tests.support import builders

FOLDER = Path(__file__).parents[1] / "fixtures"
FILES = ("model.keras", "model_float32.tflite", "model_int8.tflite", "model.onnx", "saved_model")


def images() -> list[np.ndarray]:
    """Returns uint8 [height, width, 3] images that are the same on every machine."""
    rows, columns = np.mgrid[:20, :24]
    texture = (rows * 7 + columns * 5) % 17 - 8
    colours = [*builders.COLOURS.values(), (130, 110, 100)]  # the last is between the classes
    return [(np.array(each) + texture[..., None]).astype(np.uint8) for each in colours]


def unpacked(name: str, folder: Path) -> Path:
    """Returns a model of tests/fixtures/; a folder is packed there, to a tenth of its size."""
    if (FOLDER / name).exists():
        return FOLDER / name
    shutil.unpack_archive(FOLDER / f"{name}.tar.xz", folder / name)
    return folder / name


def predict(path: Path) -> list[list[float]]:
    """Returns a model's probabilities for `images`."""
    from trash_keras.predictor import Predictor

    predicted = Predictor.load(path).predict(images())
    return [list(map(float, each.probabilities.values())) for each in predicted]


def main() -> None:
    """Trains for a few steps from random weights, exports, and keeps the files."""
    from trash_keras.exporters.exporter import export
    from trash_keras.training.trainer import train_and_evaluate

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = builders.write_solid(root / "data")
        backbone = builders.write_toy_backbone(root / "toy.keras")
        run = root / "run"
        train_and_evaluate(builders.toy_config(data, backbone, label_smoothing=0.0), run)
        export(run, ["float32", "int8", "onnx", "saved_model"], timing_rounds=0)
        FOLDER.mkdir()
        for name in FILES:
            source = run / name if name == "model.keras" else run / "export" / name
            if source.is_dir():
                shutil.make_archive(str(FOLDER / name), "xztar", source)
            else:
                shutil.copyfile(source, FOLDER / name)
        expected = {name: predict(unpacked(name, root)) for name in FILES}
    packages = ("tensorflow", "keras", "ai-edge-litert", "onnx")
    versions = {name: importlib.metadata.version(name) for name in packages}
    content = {"versions": versions, "probabilities": expected}
    (FOLDER / "expected.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
