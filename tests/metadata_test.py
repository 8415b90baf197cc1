import json
import math
import zipfile

import numpy as np
import pytest

from trash_keras.metadata import ModelMetadata, is_unsure

METADATA = ModelMetadata(("a", "b"), 32, "pad", 1.5, 0.7, 0.2, 4)


def test_a_file_and_a_folder_carry_it(tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"flatbuffer")
    (tmp_path / "saved").mkdir()
    for path in (file, tmp_path / "saved"):
        METADATA.embed(path)
        assert ModelMetadata.read(path) == METADATA
    assert file.read_bytes().startswith(b"flatbuffer")
    assert zipfile.ZipFile(file).read("labels.txt") == b"a\nb\n"


def test_a_file_without_these_settings_predicts_as_it_did(tmp_path):
    old = {"class_names": ["a", "b"], "image_size": 32, "resize": "pad"}
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        archive.writestr("trash_keras.json", json.dumps(old))
    found = ModelMetadata.read(tmp_path / "old.keras")
    assert found == ModelMetadata(("a", "b"), 32, "pad", temperature=1, threshold=0, tta=1)
    assert found.inference_settings() == {
        "temperature": 1, "threshold": 0, "set_threshold": None, "tta": 1
    }  # fmt: skip


def test_what_is_not_a_model_is_refused(tmp_path):
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(ValueError, match="There is no model at"):
        ModelMetadata.read(tmp_path / "gone.keras")
    for path in (tmp_path / "text.keras", tmp_path):
        with pytest.raises(ValueError, match="is not a model of this project"):
            ModelMetadata.read(path)


BELOW_ONE = float(np.nextafter(1, 0))  # is 1 in float32


@pytest.mark.parametrize(
    ("confidence", "threshold", "unsure"),
    [
        (0.7, 0.6, False), (0.6, 0.6, True), (0.5, 0.6, True), (1.0, 1.0, True), (1e-30, 0, False),
        (1.0, BELOW_ONE, False), (math.nan, 0.0, True), (0.6, 0.0, False),
    ],
)  # fmt: skip
def test_up_to_the_threshold_a_prediction_is_unsure(confidence, threshold, unsure):
    assert is_unsure(confidence, threshold) is unsure
    several = np.array([[confidence], [0.75], [0.25]])
    assert is_unsure(several, threshold).tolist() == [
        [unsure],
        [threshold >= 0.75],
        [threshold >= 0.25],
    ]


def test_float32_is_compared_like_a_single_prediction():
    assert is_unsure(np.ones(2, np.float32), BELOW_ONE).tolist() == [False, False]
    third = np.float32(1 / 3)  # a little more than 1/3
    assert not is_unsure(np.array([third]), 1 / 3).any()
    assert not is_unsure(float(third), 1 / 3)
