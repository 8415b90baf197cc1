import shutil

import pytest

from tests.support import odd_files
from trash_keras.data.catalog import single_split
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.evaluation import score
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Prediction, Predictor, percent


def test_a_bad_file_stops_nothing_and_order_is_kept(trained, tmp_path):
    workdir, data, _ = trained
    (tmp_path / "bad.jpg").write_bytes(b"text")
    good = [str(data / "red" / "red0.png"), str(data / "blue" / "blue0.png")]
    paths = [good[0], str(tmp_path / "bad.jpg"), str(tmp_path / "gone.png"), good[1]]
    predictions = list(Predictor.load(workdir / "model.keras").predict_stream(paths, 3))
    assert [prediction.file for prediction in predictions] == paths
    assert [bool(prediction.error) for prediction in predictions] == [False, True, True, False]
    assert predictions[0].top_k(1)[0][0] == "red" and predictions[3].top_k(1)[0][0] == "blue"
    assert sum(predictions[0].probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert predictions[1].error.startswith("not a JPEG, PNG")
    assert predictions[2].error == "cannot be read: No such file or directory"


def test_larger_images_than_the_limit_get_an_error(trained):
    workdir, data, _ = trained
    path = str(data / "red" / "red0.png")
    model = Predictor.load(workdir / "model.keras")
    (prediction,) = model.predict_stream([path], max_megapixels=0.0001)
    assert "over the limit" in prediction.error and not prediction.probabilities


def test_each_odd_file_gets_a_prediction_or_its_reason(trained, tmp_path):
    for file in odd_files.corpus():
        (tmp_path / file.name).write_bytes(file.encoded)
    paths = [str(tmp_path / file.name) for file in odd_files.corpus()]
    predictions = Predictor.load(trained[0] / "model.keras").predict_stream(paths, 16)
    for file, path, prediction in zip(odd_files.corpus(), paths, predictions, strict=True):
        assert prediction.file == path and file.reason in prediction.error
        assert bool(prediction.probabilities) == bool(file.colours) == (not prediction.error)


@pytest.mark.slow
def test_the_command_classifies_the_good_files_and_names_the_bad(trained, tmp_path, script):
    for file in odd_files.corpus():
        (tmp_path / file.name).write_bytes(file.encoded)
    done = script("predict", f"--model={trained[0] / 'model.keras'}", tmp_path)
    good = [file.name for file in odd_files.corpus() if file.colours]
    bad = {file.name: file.reason for file in odd_files.corpus() if file.reason}
    assert done.returncode == 1
    classified = [line.split(": ")[0] for line in done.stdout.splitlines()]
    assert classified == sorted(str(tmp_path / name) for name in good)
    failed = [line.split(": ", 2) for line in done.stderr.splitlines()]
    assert [path for _, path, _ in failed] == sorted(str(tmp_path / name) for name in bad)
    for error, path, why in failed:
        assert error == "error" and bad[path.rsplit("/")[-1]] in why


def test_classes_that_the_model_does_not_know_are_refused(trained, tmp_path):
    workdir, data, _ = trained
    shutil.copytree(data / "red", tmp_path / "data" / "wood")
    reader = FolderReader(tmp_path / "data")
    with pytest.raises(ValueError, match="does not know: wood"):
        predictor = Predictor.load(workdir / "model.keras")
        score.predict_split(predictor, Split(single_split(reader.files_by_class()), "all", reader))


def prediction(**options):
    return Prediction("a.jpg", {"glass": 0.25, "metal": 0.625, "paper": 0.125}, **options)


@pytest.mark.parametrize(
    ("threshold", "label", "text"),
    [
        (0.6, "metal", "metal 62.5%, glass 25.0%"),
        (0.625, "unsure", "probably metal, 63%, not sure (metal 62.5%, glass 25.0%)"),
        (1.0, "unsure", "probably metal, 63%, not sure (metal 62.5%, glass 25.0%)"),
    ],
)
def test_up_to_the_threshold_the_label_is_unsure(threshold, label, text):
    found = prediction(threshold=threshold)
    assert found.to_dict() == {
        "file": "a.jpg",
        "label": label,
        "probability": 0.625,
        "candidates": [{"label": "metal", "probability": 0.625}],
        "probabilities": found.probabilities,
    }
    assert found.format(2) == text


@pytest.mark.parametrize(
    ("shares", "candidates", "text"),
    [
        ((0.8125, 0.1, 0.0875), ["a"], "probably a, 81%, not sure"),
        ((0.5, 0.2, 0.2, 0.1), ["a"], "perhaps a, 50%, not sure"),
        ((0.1, 0.25, 0.5, 0.15), ["c", "b"], "c or b?"),
        ((0.3, 0.31, 0.29, 0.1), ["b", "a", "c"], "b, a or c?"),
        ((0.25, 0.25, 0.25, 0.25), ["a", "b", "c", "d"], "not sure what it is"),
        ((0.999, 0.001), ["a"], "probably a, >99%, not sure"),
        ((float("nan"), 0.5), [], "not sure what it is"),
    ],
)
def test_where_the_model_abstains_words_say_what_it_may_be(shares, candidates, text):
    found = Prediction("", dict(zip("abcd", shares, strict=False)), threshold=1.0)
    assert [name for name, _ in found.candidates] == candidates
    assert (found.label, found.words) == ("unsure", text)
    assert [each["label"] for each in found.to_dict()["candidates"]] == candidates


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100%"), (0.9951, ">99%"), (0.995, ">99%"), (0.125, "13%"), (0.005, "1%"),
     (0.0049, "<1%"), (0.0, "0%")],
)  # fmt: skip
def test_only_certainty_is_shown_as_such(share, text):
    assert percent(share) == text


def test_a_file_that_cannot_be_read_has_no_words():
    found = Prediction("a.jpg", {}, error="no image")
    assert (found.words, found.candidates) == ("", [])


@pytest.mark.parametrize(
    ("lowest", "labels"),
    [(0.7, []), (0.25, ["metal", "glass"]), (0, ["metal", "glass", "paper"])],
)
def test_with_conformal_sets_there_are_labels(lowest, labels):
    assert prediction(set_threshold=lowest).to_dict()["labels"] == labels
    assert "labels" not in prediction().to_dict()


def test_a_probability_of_one_is_not_above_a_threshold_of_one():
    assert Prediction("a.jpg", {"glass": 1.0, "metal": 0.0}, threshold=1.0).label == "unsure"
    assert Prediction("a.jpg", {"glass": 1.0, "metal": 0.0}, threshold=0.0).label == "glass"


def test_the_threshold_can_be_another_one(doubtful):
    workdir, data, _, _ = doubtful
    paths = sorted(str(path) for path in data.rglob("*.png"))[::10]
    model = Predictor.load(workdir / "model.keras")
    own = [found.label for found in model.predict_stream(paths)]
    assert {"blue", "unsure"} <= set(own)
    assert model.with_threshold(None) is model
    for threshold, labels in ((0.0, {"blue", "brick", "red"}), (1.0, {"unsure"})):
        predictions = model.with_threshold(threshold).predict_stream(paths)
        assert {found.label for found in predictions} <= labels
    with pytest.raises(ValueError, match=r"between 0 and 1\. Received: 1\.5"):
        model.with_threshold(1.5)


def test_a_keras_file_takes_another_number_of_views_and_the_others_do_not(doubtful, tmp_path):
    workdir, data, _, _ = doubtful
    path = str(data / "red" / "red0.png")
    predictions = {
        tta: next(Predictor.load(workdir / "model.keras", tta).predict_stream([path]))
        for tta in (None, 1, 2, 8)
    }
    assert predictions[None].probabilities == predictions[2].probabilities
    assert (
        predictions[1].probabilities != predictions[2].probabilities != predictions[8].probabilities
    )
    assert Predictor.load(workdir / "model.keras", 8).metadata.tta == 8
    with pytest.raises(ValueError, match=r"^--tta must be one of 1, 2, 4, 8\. Received: 5"):
        Predictor.load(workdir / "model.keras", 5)
    ModelMetadata(("a", "b"), 16, "stretch", tta=4).embed(tmp_path)
    with pytest.raises(ValueError, match=r"--tta takes a .keras file. .* has its views inside: 4"):
        Predictor.load(tmp_path, 2)


@pytest.mark.parametrize("name", ["model.keras", "model.tflite", "saved_model"])
def test_a_broken_artefact_is_refused(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name == "saved_model" else path.write_bytes(b"nonsense")
    ModelMetadata(("a", "b"), 16, "stretch").embed(path)
    with pytest.raises(ValueError, match="cannot be loaded"):
        Predictor.load(path)
