import json
import shutil

import numpy as np
import pytest
from PIL import Image

from trash_keras.data import outliers
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers import base
from trash_keras.evaluation import ood, score
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor


@pytest.fixture
def noise(tmp_path):
    """A folder of noise images, some of them deeper, one damaged, beside a text file."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "noise"
    (folder / "deep" / "er").mkdir(parents=True)
    for number in range(12):
        pixels = generator.integers(0, 256, (20, 20, 3), np.uint8)
        place = folder if number % 2 else folder / "deep" / "er"
        Image.fromarray(pixels).save(place / f"{number}.png")
    (folder / "damaged.jpg").write_bytes(b"nonsense")
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture
def measured(trained, noise):
    """Measures the toy run on its test split against noise."""

    def measure(run=None, split="test", model="model.keras", folders=noise, **options):
        workdir, data, _ = trained
        predictor = Predictor.load(workdir / "model.keras")
        reader = base.open_reader(data)
        scored = Split(Catalog.load(workdir / "catalog.json").only(split), split, reader)
        predictions = score.predict_split(predictor, scored)
        runner = ood.Runner(workdir / model, predictor, **options)
        return ood.measure(runner, predictions, scored, outliers.named_splits(folders), run)

    return measure


def test_noise_is_told_from_solid_colours(trained, measured):
    workdir, _, _ = trained
    found = measured(Catalog.load(workdir / "catalog.json"), batch_size=5)
    assert found["pictures"] == 12 and found["unreadable"] == 1
    assert list(found["scores"]) == [
        "confidence", "maximum_probability", "energy", "novelty", "nearest_neighbours",
        "mahalanobis",
    ]  # fmt: skip
    for name in ("novelty", "mahalanobis"):
        assert found["scores"][name]["auroc"] > 0.9, name
    assert found["neighbours"] == 10
    assert list(found["histograms"]) == ["confidence", "novelty"]
    threshold = ModelMetadata.read(workdir / "model.keras").threshold
    assert found["histograms"]["confidence"]["threshold"] == threshold


def test_without_the_training_images_there_are_fewer_scores(trained, measured):
    workdir, _, _ = trained
    run = Catalog.load(workdir / "catalog.json")
    names = ["confidence", "maximum_probability", "energy", "novelty"]
    assert list(measured()["scores"]) == names
    # Only a .keras file shows its features.
    assert list(measured(run, model="model.tflite")["scores"]) == names[:1]
    # Compared with themselves, training images would be their own nearest neighbours.
    assert list(measured(run, "train")["scores"]) == names


def test_features_of_few_training_images_are_enough(trained, measured, monkeypatch):
    workdir, _, _ = trained
    monkeypatch.setattr(ood, "TRAINING_IMAGES", 7)
    found = measured(Catalog.load(workdir / "catalog.json"))
    assert found["neighbours"] == 7


def test_near_and_far_have_figures_of_their_own(measured, noise, tmp_path):
    far = tmp_path / "other"
    far.mkdir()
    shutil.copy(noise / "1.png", far)
    found = measured(folders=f"near={noise},{far}")
    assert found["pictures"] == 13 and found["unreadable"] == 1
    assert {name: row["pictures"] for name, row in found["folders"].items()} == {
        "near": 12, "other": 1,
    }  # fmt: skip
    kinds = found["folders"]["near"]["kinds"]
    assert {kind: row["pictures"] for kind, row in kinds.items()} == {"": 6, "deep": 6}
    assert list(kinds["deep"]["scores"]) == list(found["scores"])


def test_images_of_the_classes_are_no_ood_images(trained, measured, noise):
    workdir, data, _ = trained
    path = Catalog.load(workdir / "catalog.json").examples("test")[0][0]
    shutil.copy(data / path, noise / "copy.png")
    with pytest.raises(ValueError, match=f"1 of 13 images .*: copy.png is {path}, byte for byte"):
        measured()


def test_missing_training_images_are_an_error(measured):
    run = Catalog(("red",), {"train": {"red": ("red/gone.png",)}})
    with pytest.raises(ValueError, match="1 of the catalog's 1 images are not in the data"):
        measured(run)


@pytest.mark.slow
def test_evaluate_measures_ood_detection(trained, noise, tmp_path, script):
    workdir, data, _ = trained
    arguments = [
        f"--model={workdir}/model.keras", f"--data_dir={data}",
        f"--catalog={workdir}/catalog.json", f"--output={tmp_path / 'out'}",
    ]  # fmt: skip
    done = script("evaluate", *arguments, f"--ood_dir={noise}")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "report.json").read_text())["out_of_scope"]
    assert f"{found['unsure']:.1%} of 12 OOD images unsure, AUROC" in done.stdout
    assert (tmp_path / "out" / "figures" / "ood.png").exists()
    assert "Out-of-distribution images" in (tmp_path / "out" / "report.html").read_text()
    done = script("evaluate", *arguments, f"--ood_dir={tmp_path / 'gone'}")
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("error: --ood_dir")
