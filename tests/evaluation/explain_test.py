import functools
import json
import shutil

import keras
import numpy as np
import pytest

from trash_keras.data.readers.base import FolderReader, read_images
from trash_keras.evaluation import explain
from trash_keras.evaluation.explain import Explainer
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import classifier
from trash_keras.models.grad_cam import GradCam, NoHeatMapError
from trash_keras.models.inference import build_inference_model, save


@pytest.fixture
def read(trained):
    return functools.partial(read_images, FolderReader(trained[1]))


@pytest.fixture
def with_errors(trained):
    """The predictions of the toy run on its test split, one of each class made wrong."""
    found = Predictions.load(trained[0] / "predictions" / "test.csv")
    chosen = [int(np.flatnonzero(found.labels == label)[0]) for label in range(3)]
    found.probabilities[chosen] = found.probabilities[chosen][:, [1, 2, 0]]
    return found


@pytest.mark.parametrize("name", ["model.tflite", "saved_model"])
def test_only_a_keras_file_has_gradients(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name == "saved_model" else path.write_bytes(b"")
    ModelMetadata(("a", "b"), 16, "stretch").embed(path)
    with pytest.raises(NoHeatMapError, match=r"need the gradients of a \.keras file.*Received: "):
        Explainer.load(path)
    assert explain.find(path) is None
    with pytest.raises(NoHeatMapError):
        explain.find(path, required=True)


def test_a_backbone_that_ends_in_a_vector_has_no_explainer(tmp_path):
    inputs = keras.Input((16, 16, 3))
    backbone = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    model = build_inference_model(classifier.build(backbone, 2))
    save(model, ModelMetadata(("a", "b"), 16, "stretch"), tmp_path / "model.keras")
    assert explain.find(tmp_path / "model.keras") is None
    assert explain.explain_errors(None, None, None) is None


def test_what_is_no_model_is_still_an_error(tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"nonsense")
    ModelMetadata(("a", "b"), 16, "stretch").embed(tmp_path / "broken.keras")
    with pytest.raises(ValueError, match="cannot be loaded"):
        explain.find(tmp_path / "broken.keras")
    with pytest.raises(ValueError, match="There is no model at"):
        explain.find(tmp_path / "gone.keras")


def test_errors_are_explained_by_the_class_that_was_predicted(
    trained, with_errors, read, monkeypatch
):
    explainer, asked = Explainer.load(trained[0] / "model.keras"), []

    def heat_maps(self, predictions, squares):
        asked.append((predictions, squares))
        return original(self, predictions, squares)

    original = Explainer.heat_maps
    monkeypatch.setattr(Explainer, "heat_maps", heat_maps)
    found = explain.explain_errors(explainer, with_errors, read)
    ((predictions, squares),) = asked
    wrong = with_errors.probabilities.argmax(axis=1) != with_errors.labels
    assert wrong.sum() == 3 and set(found.maps) == {
        with_errors.paths[n] for n in wrong.nonzero()[0]
    }
    assert predictions == {
        row["file"]: row["prediction"] for row in with_errors.score()["mistakes"]
    }
    assert found.resize == "stretch"
    for file, heat_map in found.maps.items():
        assert heat_map.shape == (5, 5) and squares[file].shape == (16, 16, 3)
        assert heat_map.min() >= 0 and heat_map.max() in (0, 1)


def test_many_images_are_explained_batch_by_batch(squares):
    model, images, labels, _ = squares
    sizes, names = [], ("red", "blue")
    grad_cam = GradCam(model)

    def counted(batch, classes):
        sizes.append(len(batch))
        return grad_cam(batch, classes)

    explainer = Explainer(ModelMetadata(names, 32, "stretch"), model.predict_on_batch, counted)
    predictions = {str(n): names[labels[n % 12]] for n in range(40)}
    found = explainer.heat_maps(predictions, {str(n): images[n % 12] for n in range(40)})
    assert sizes == [32, 8] and list(found) == list(predictions)
    for n in range(40):
        np.testing.assert_allclose(found[str(n)], found[str(n % 12)], atol=1e-6)
    assert explainer.heat_maps({}, {}) == {}


def test_each_class_has_its_share_in_the_check(trained, read, with_errors):
    asked, chosen = [], []

    def predict_batch(batch):
        return np.repeat([[0.1, 0.7, 0.2]], len(batch), axis=0)

    def grad_cam(batch, labels):
        asked.extend(labels)
        return np.ones((len(batch), 5, 5))

    def reading(files):
        chosen.extend(files)
        return read(files)

    metadata = ModelMetadata(("blue", "green", "red"), 16, "stretch")
    explainer = Explainer(metadata, predict_batch, grad_cam)
    found = explain.saliency_faithfulness(explainer, with_errors, reading, 3)
    assert [file.split("/")[0] for file in chosen] == ["blue", "green", "red"]
    assert found["pictures"] == 3 and asked == [1, 1, 1], "the class that the model predicts"
    assert found["deletion"]["auc"]["grad_cam"] == pytest.approx(0.7)
    many = explain.saliency_faithfulness(explainer, with_errors, read, 1000)
    assert many["pictures"] == len(with_errors.paths)


@pytest.mark.slow
def test_evaluate_tests_and_shows_the_heat_maps(trained, tmp_path, script):
    workdir, data, _ = trained
    wrong = shutil.copytree(data, tmp_path / "data")
    # Two images in the folder of another class: errors to explain.
    for number in range(2):
        shutil.move(wrong / "red" / f"red{number}.png", wrong / "blue" / f"moved{number}.png")
    done = script("evaluate", f"--model={workdir}/model.keras", f"--data_dir={wrong}",
                  f"--output={tmp_path / 'out'}", "--saliency_check=6")  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["explanations"]["pictures"] == 6
    assert {row["file"] for row in report["all"]["mistakes"]} >= {"blue/moved0.png"}
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures >= {"saliency.png", "top_errors.jpg"}
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The same with the evidence for red" in page and "Heat maps (all)" in page
