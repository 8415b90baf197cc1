import zipfile

import pytest

from trash_keras.contract import Contract

CONTRACT = Contract(("a", "b"), 32, "pad")


def test_a_file_and_a_folder_carry_it(tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"flatbuffer")
    (tmp_path / "saved").mkdir()
    for path in (file, tmp_path / "saved"):
        CONTRACT.embed(path)
        assert Contract.read(path) == CONTRACT
    assert file.read_bytes().startswith(b"flatbuffer")
    assert zipfile.ZipFile(file).read("labels.txt") == b"a\nb\n"


def test_what_is_not_a_model_is_refused(tmp_path):
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(ValueError, match="There is no model at"):
        Contract.read(tmp_path / "gone.keras")
    for path in (tmp_path / "text.keras", tmp_path):
        with pytest.raises(ValueError, match="is not a model of this project"):
            Contract.read(path)
