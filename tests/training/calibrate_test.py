import dataclasses

import keras
import numpy as np
import pytest

from trash_keras.calibration.fit import fit_calibration
from trash_keras.data import pipeline
from trash_keras.data.catalog import SPLITS, Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.calibration import apply_temperature
from trash_keras.metrics.predictions import Predictions
from trash_keras.models import classifier
from trash_keras.models.inference import build_inference_model, load, read_ood_detector, save
from trash_keras.predictor import Predictor
from trash_keras.reporting import report as report_writer
from trash_keras.training import calibrate
from trash_keras.training.trainer import train_and_evaluate


def test_the_model_file_says_how_it_predicts_and_the_report_agrees(doubtful):
    workdir, _, report, _ = doubtful
    metadata = ModelMetadata.read(workdir / "model.keras")
    assert metadata.inference_settings() == report["answering"] and metadata.tta == 2
    assert metadata.temperature != 1 and 0 < metadata.threshold < 1
    assert 0 < metadata.set_threshold < 1
    abstention = report["test"]["abstention"]
    assert abstention["threshold"] == metadata.threshold and 0 < abstention["coverage"] < 1
    assert report["test"]["conformal"]["mean_size"] > 1
    risk = report["risk_control"]
    assert (risk["threshold"], risk["images"]) == (metadata.threshold, report["valid"]["examples"])
    assert risk["statement"].startswith("Nothing is guaranteed for new images: ")
    for page in ("report.html", "MODEL_CARD.md"):
        assert "validation images are too few" in (workdir / page).read_text()


def test_it_is_fitted_on_validation_alone(doubtful):
    workdir, _, report, config = doubtful
    settings = report["answering"]
    predictions = {
        split: Predictions.load(workdir / f"predictions/{split}.csv") for split in SPLITS
    }
    for split, refitted in (("valid", True), ("test", False)):
        labels = predictions[split].labels
        plain = apply_temperature(predictions[split].probabilities, 1 / settings["temperature"])
        found = fit_calibration(labels, plain, config.answering).inference_settings()
        same = [found[name] == pytest.approx(settings[name], rel=1e-5) for name in found]
        assert all(same) if refitted else not any(same)
    assert report["valid"]["abstention"]["error"] <= 0.02
    assert report["valid"]["conformal"]["coverage"] >= 0.8


def test_the_classifier_in_the_file_stays_raw(doubtful):
    workdir, _, report, _ = doubtful
    inference = keras.models.load_model(workdir / "model.keras")
    model = classifier.raw_classifier(inference)
    images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
    extract, views = classifier.feature_extractor(model), (images, images[:, :, ::-1])
    features = np.mean([extract.predict(view, verbose=0) for view in views], axis=0)
    logits = np.mean([np.log(model.predict(view, verbose=0)) for view in views], axis=0)
    scaling = read_ood_detector(inference).scaling(features)
    assert scaling.min() < 0.9  # noise is unlike the training images
    temperature = report["answering"]["temperature"]
    expected = apply_temperature(np.exp(logits), 1 / scaling[:, None] * temperature)
    np.testing.assert_allclose(inference.predict(images, verbose=0), expected, atol=1e-5)
    found = Predictor.load(workdir / "model.keras").predict_batch(images)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_threshold_can_come_from_pooled_predictions(doubtful, tmp_path):
    workdir, _, report, config = doubtful
    catalog = Catalog.load(workdir / "catalog.json")
    paths = catalog.examples("train")[0] + catalog.examples("test")[0]
    names = list(catalog.class_names)
    labels = np.array([names.index(path.split("/")[0]) for path in paths])
    confidence = np.linspace(0.6, 0.9, len(paths))[:, None]
    rows = np.where(labels[:, None] == np.arange(3), confidence, (1 - confidence) / 2)
    Predictions(names, paths, labels, rows).save(tmp_path / "seed0.csv")
    settings = dataclasses.replace(
        config.answering,
        calibration_predictions=str(tmp_path / "seed0.csv"),
        target_risk=0.1,
        conformal_alpha=0.0,
    )
    training = dataclasses.replace(config.training, head_epochs=1)
    config = dataclasses.replace(config, answering=settings, training=training)
    found = train_and_evaluate(config, tmp_path / "run")["risk_control"]
    assert found["pooled"] and found["guaranteed"] and found["predicted"] == found["images"]
    assert found["images"] == report["train"]["examples"]  # none of test


def kill(*arguments, **options):
    raise KeyboardInterrupt


def test_a_run_killed_around_it_ends_like_an_unbroken_one(doubtful, tmp_path, monkeypatch):
    _, _, report, config = doubtful
    # Before it, before the file is replaced, and after.
    for place, name in ((calibrate, "calibrate"), (calibrate, "save"), (report_writer, "write")):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(place, name, kill)
            train_and_evaluate(config, tmp_path)
        found = ModelMetadata.read(tmp_path / "model.keras")
        assert (found.temperature != 1) == (name == "write")
    found = train_and_evaluate(config, tmp_path)
    assert found["answering"] == pytest.approx(report["answering"], rel=1e-5)
    assert found["test"]["abstention"]["coverage"] == report["test"]["abstention"]["coverage"]
    assert ModelMetadata.read(tmp_path / "model.keras").inference_settings() == found["answering"]


def test_what_an_earlier_call_wrote_is_ignored(doubtful, tmp_path):
    workdir, data, _, config = doubtful
    before = ModelMetadata.read(workdir / "model.keras")
    model = tmp_path / "model.keras"
    other = dataclasses.replace(before, temperature=9.0, threshold=0.1, tta=8)
    raw = classifier.load_classifier(workdir / "model.keras")
    save(build_inference_model(raw, 9.0, 8), other, model)
    catalog = Catalog.load(workdir / "catalog.json")
    images = {
        split: pipeline.load_split(Split(catalog, split, FolderReader(data), 16))
        for split in ("train", "valid")
    }
    labels = catalog.examples("valid")[1]
    assert calibrate.calibrate(model, config.answering, images, labels, 8).metadata == before
    assert ModelMetadata.read(model) == before
    one, other = (read_ood_detector(load(path)) for path in (model, workdir / "model.keras"))
    np.testing.assert_allclose(one.basis @ one.basis.T, other.basis @ other.basis.T, atol=1e-5)
    plain = dataclasses.replace(config.answering, ood_scaling=False)
    calibrate.calibrate(model, plain, images, labels, 8)
    assert read_ood_detector(load(model)) is None


def test_by_default_an_image_is_one_view_and_there_are_no_sets(trained):
    workdir, _, report = trained
    metadata = ModelMetadata.read(workdir / "model.keras")
    assert (metadata.tta, metadata.set_threshold) == (1, None)
    # Solid colours are always right: nothing to calibrate, and only other images are unsure.
    assert metadata.temperature == 1 and 1 / 3 < metadata.threshold < 0.7
    assert report["test"]["abstention"]["coverage"] == 1 and "conformal" not in report["test"]


def test_the_report_scores_what_the_file_predicts_of_each_image(doubtful):
    workdir, data, _, _ = doubtful
    catalog, model = Catalog.load(workdir / "catalog.json"), load(workdir / "model.keras")
    for split in SPLITS:
        images = pipeline.load_split(Split(catalog, split, FolderReader(data), 16))
        expected = model.predict(pipeline.make_eval_dataset(images, 8), verbose=0)[: len(images)]
        found = Predictions.load(workdir / f"predictions/{split}.csv")
        assert found.paths == catalog.examples(split)[0]
        np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "computed"),
    [
        ({}, []),
        ({"head_views": 2}, ["train"]),
        ({"tta": 2}, ["train", "valid"]),
        ({"mixed_precision": "mixed_bfloat16"}, ["train", "valid"]),
        ({"finetune_epochs": 1, "head_epochs": 0}, ["train", "valid"]),
    ],
)
def test_features_of_the_head_are_not_computed_again(
    settings, computed, tmp_path, data_dir, toy_backbone, configure, monkeypatch
):
    extracted, extract = [], calibrate.extract

    def note(*arguments):
        extracted.append(arguments[-1].removeprefix("Features, "))
        return extract(*arguments)

    monkeypatch.setattr(calibrate, "extract", note)
    config = configure(
        data_dir, toy_backbone, **{"head_epochs": 1, "finetune_epochs": 0} | settings
    )
    train_and_evaluate(config, tmp_path / "run")
    assert extracted == computed
    catalog, model = Catalog.load(tmp_path / "run/catalog.json"), load(tmp_path / "run/model.keras")
    images = pipeline.load_split(Split(catalog, "train", FolderReader(data_dir), 16))
    expected = model.predict(pipeline.make_eval_dataset(images, 8), verbose=0)[: len(images)]
    found = Predictions.load(tmp_path / "run/predictions/train.csv").probabilities
    np.testing.assert_allclose(found, expected, atol=1e-5)
