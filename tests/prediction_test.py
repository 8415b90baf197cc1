import shutil

import odd_files
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
    assert answers[1].error.startswith("not a JPEG, PNG")
    assert answers[2].error == "cannot be read: No such file or directory"


def test_larger_pictures_than_the_limit_get_an_error(trained):
    workdir, data, _ = trained
    path = str(data / "red" / "red0.png")
    model = Predictor.load(workdir / "model.keras")
    (answer,) = prediction.classify(model, [path], max_megapixels=0.0001)
    assert "over the limit" in answer.error and not answer.probabilities


def test_each_odd_file_gets_an_answer_or_its_reason(trained, tmp_path):
    for file in odd_files.corpus():
        (tmp_path / file.name).write_bytes(file.encoded)
    paths = [str(tmp_path / file.name) for file in odd_files.corpus()]
    answers = prediction.classify(Predictor.load(trained[0] / "model.keras"), paths, 16)
    for file, path, answer in zip(odd_files.corpus(), paths, answers, strict=True):
        assert answer.file == path and file.reason in answer.error
        assert bool(answer.probabilities) == bool(file.colours) == (not answer.error)


@pytest.mark.slow
def test_the_script_answers_for_the_good_and_names_the_bad(trained, tmp_path, script):
    for file in odd_files.corpus():
        (tmp_path / file.name).write_bytes(file.encoded)
    done = script("predict", f"--model={trained[0] / 'model.keras'}", tmp_path)
    good = [file.name for file in odd_files.corpus() if file.colours]
    bad = {file.name: file.reason for file in odd_files.corpus() if file.reason}
    assert done.returncode == 1
    answered = [line.split(": ")[0] for line in done.stdout.splitlines()]
    assert answered == sorted(str(tmp_path / name) for name in good)
    failed = [line.split(": ", 2) for line in done.stderr.splitlines()]
    assert [path for _, path, _ in failed] == sorted(str(tmp_path / name) for name in bad)
    for error, path, why in failed:
        assert error == "error" and bad[path.rsplit("/")[-1]] in why


def test_folders_are_expanded(trained):
    _, data, _ = trained
    found = prediction.expand([str(data), "x.jpg"])
    assert len(found) == 37 and found[-1] == "x.jpg" and found[:-1] == sorted(found[:-1])


def test_classes_that_the_model_does_not_know_are_refused(trained, tmp_path):
    workdir, data, _ = trained
    shutil.copytree(data / "red", tmp_path / "data" / "wood")
    store = FolderStore(tmp_path / "data")
    with pytest.raises(ValueError, match="does not know: wood"):
        Predictor.load(workdir / "model.keras").answers(whole(store.members()), "all", store)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "saved_model"])
def test_a_broken_artefact_is_refused(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name == "saved_model" else path.write_bytes(b"nonsense")
    Contract(("a", "b"), 16, "stretch").embed(path)
    with pytest.raises(ValueError, match="cannot be loaded"):
        Predictor.load(path)
