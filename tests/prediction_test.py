import shutil

import pytest

from trash_keras import prediction
from trash_keras.contract import Contract
from trash_keras.data.catalog import whole
from trash_keras.data.stores import FolderStore
from trash_keras.prediction import Predictor


def test_a_bad_file_stops_nothing_and_order_is_kept(trained, tmp_path):
    workdir, data, _ = trained
    (tmp_path / "bad.jpg").write_bytes(b"text")
    good = [str(data / "red" / "red0.png"), str(data / "blue" / "blue0.png")]
    paths = [good[0], str(tmp_path / "bad.jpg"), str(tmp_path / "gone.png"), good[1]]
    answers = list(prediction.classify(Predictor.load(workdir / "model.keras"), paths, 3))
    assert [answer.file for answer in answers] == paths
    assert [bool(answer.error) for answer in answers] == [False, True, True, False]
    assert answers[0].ranked()[0][0] == "red" and answers[3].ranked()[0][0] == "blue"
    assert sum(answers[0].probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_folders_are_expanded(trained):
    _, data, _ = trained
    found = prediction.expand([str(data), "x.jpg"])
    assert len(found) == 37 and found[-1] == "x.jpg" and found[:-1] == sorted(found[:-1])


def test_classes_that_the_model_does_not_know_are_refused(trained, tmp_path):
    workdir, data, _ = trained
    shutil.copytree(data / "red", tmp_path / "data" / "wood")
    store = FolderStore(tmp_path / "data")
    with pytest.raises(ValueError, match="does not know: wood"):
        Predictor.load(workdir / "model.keras").score(whole(store.members()), "all", store)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "saved_model"])
def test_a_broken_artefact_is_refused(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name == "saved_model" else path.write_bytes(b"nonsense")
    Contract(("a", "b"), 16, "stretch").embed(path)
    with pytest.raises(ValueError, match="cannot be loaded"):
        Predictor.load(path)
