import json
import zipfile

import pytest

from trash_keras.contract import Contract

CONTRACT = Contract(("a", "b"), 32, "pad", 1.5, 0.7, 0.2, 4)


def test_a_file_and_a_folder_carry_it(tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"flatbuffer")
    (tmp_path / "saved").mkdir()
    for path in (file, tmp_path / "saved"):
        CONTRACT.embed(path)
        assert Contract.read(path) == CONTRACT
    assert file.read_bytes().startswith(b"flatbuffer")
    assert zipfile.ZipFile(file).read("labels.txt") == b"a\nb\n"


def test_a_file_from_before_there_was_a_choice_answers_as_it_did(tmp_path):
    old = {"class_names": ["a", "b"], "image_size": 32, "resize": "pad"}
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        archive.writestr("trash_keras.json", json.dumps(old))
    found = Contract.read(tmp_path / "old.keras")
    assert found == Contract(("a", "b"), 32, "pad", temperature=1, threshold=0, tta=1)
    assert found.answering() == {
        "temperature": 1, "threshold": 0, "set_threshold": None, "tta": 1
    }  # fmt: skip


def test_what_is_not_a_model_is_refused(tmp_path):
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(ValueError, match="There is no model at"):
        Contract.read(tmp_path / "gone.keras")
    for path in (tmp_path / "text.keras", tmp_path):
        with pytest.raises(ValueError, match="is not a model of this project"):
            Contract.read(path)
