import json
import re

import numpy as np
import pytest

from tests.support.html_page import HtmlPage
from trash_keras.config import CrossValidationConfig
from trash_keras.metrics import cross_validation
from trash_keras.metrics.classification import MATRIX_CLASSES
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import cross_validation_page

NAMES = ("glass", "<b>metal</b>")


def predictions_of(seed):
    labels = np.arange(40) % 2
    right = np.random.default_rng(seed).random(40) < 0.8
    given = np.where(right, labels, 1 - labels)
    paths = [f"{index:02}.jpg" for index in range(40)]
    return Predictions(NAMES, paths, labels, 0.1 + 0.8 * np.eye(2)[given])


def report_of(seeds, method="stratified", with_slices=True, **changes):
    predictions = {seed: predictions_of(seed) for seed in range(seeds)}
    slice_of = {path: "old" if path < "10" else "new" for path in predictions[0].paths}
    config = CrossValidationConfig().to_dict()
    config["data"]["split_method"] = method
    folds = [
        {"seed": seed, "fold": fold, "examples": 20, "accuracy": 0.8 + fold / 100,
         "accuracy_interval": [0.6, 0.9], "macro_f1": 0.75, "valid_accuracy": 0.85,
         "best_epoch": 6, "training_minutes": 1.25, "predicted": 16, "wrong": 2}
        for seed in predictions for fold in range(2)
    ]  # fmt: skip
    report = {
        **cross_validation.score(predictions, folds, slice_of=slice_of if with_slices else None),
        "folds": folds, "groups": 3, "grouped_images": 7, "bad_files": [], "config": config,
        "run": {"command": "trash-keras cross_validate --folds=2", "machine": "m"},
        **changes,
    }  # fmt: skip
    return report, predictions


def test_the_page_has_every_figure(tmp_path):
    report, predictions = report_of(2)
    cross_validation_page.write(report, predictions, tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("[!.]*.*")}
    figures = {
        f"figures/{name}.{suffix}"
        for name in ("accuracies", "confusion_matrix")
        for suffix in ("png", "pdf", "svg")
    }
    assert files == figures | {
        "cross_validation.html", "cross_validation.json", "predictions/seed0.csv",
        "predictions/seed1.csv",
    }  # fmt: skip
    assert json.loads((tmp_path / "cross_validation.json").read_text()) == report
    found = Predictions.load(cross_validation.predictions_file(tmp_path, 1))
    assert found.score() == predictions[1].score()
    page = (tmp_path / "cross_validation.html").read_text()
    shown = [" ".join(words.split()) for words in HtmlPage(page).words]
    accuracy = report["accuracy"]
    low, high = accuracy["interval"]
    for text in (
        f"{accuracy['mean']:.1%}", f"{low:.1%} to {high:.1%}", "Deviation over 2 seeds",
        f"{accuracy['standard_deviation']:.1%}", f"{report['macro_f1']['mean']:.3f}",
        f"{report['seeds'][1]['aurc']:.4f}", "80.0%", "12.5%",
        "12.5% (5.0% to 28.1%)", f"{report['per_class']['glass']['recall']:.1%}",
        "81.0%", "60.0% to 90.0%", "7", "1.2", "trash-keras cross_validate --folds=2",
        "Confusion matrix, all seeds together", "Recall, seed 1",
    ):  # fmt: skip
        assert text in shown, text
    recall = report["seeds"][1]["subsets"]["old"]["glass"]
    assert any(text.startswith(f"{recall['recall']:.1%} (") for text in shown)
    for sentence in cross_validation_page.sentences(report):
        assert sentence in page
    assert "<b>metal</b>" not in page and "&lt;b&gt;metal" in page
    # One figure, in the colours of the reader's theme; the matrix is a table.
    assert len(re.findall(r'src="data:image/svg\+xml', page)) == 1 == page.count("src=")
    counts = re.findall(r"(\d+) <small>(\d+)%</small>", page)
    assert [int(count) for count, _ in counts] == np.ravel(report["confusion_matrix"]).tolist()


def test_of_many_classes_a_figure_shows_the_confusions(tmp_path):
    names = [f"class {number}" for number in range(MATRIX_CLASSES + 1)]
    labels = np.arange(len(names))
    given = np.where(labels == 3, 1, labels)
    found = Predictions(names, names, labels, 0.01 + 0.5 * np.eye(len(names))[given])
    report, _ = report_of(1, with_slices=False)
    report |= {"class_names": names, "confusion_matrix": found.score()["confusion_matrix"]}
    cross_validation_page.write(report, {0: found}, tmp_path)
    page = (tmp_path / "cross_validation.html").read_text()
    assert page.count('src="data:image/svg+xml') == 2 == page.count("src=")
    assert "Most frequent confusions" in page and 'class="matrix"' not in page


def test_one_seed_without_slices(tmp_path):
    report, predictions = report_of(1, with_slices=False, bad_files=["glass/x.jpg"])
    unsure = {"coverage": 0.0, "error": None, "error_interval": None}
    report["abstention"] = report["seeds"][0]["abstention"] = unsure
    cross_validation_page.write(report, predictions, tmp_path)
    page = (tmp_path / "cross_validation.html").read_text()
    assert "Deviation over 1 seed<" in page and "<dd>unknown</dd>" in page
    assert "<td>none</td>" in page and "<dt>Wrong among these</dt><dd>none</dd>" in page
    assert "Slices" not in page and "all seeds together" not in page
    assert "1 file could not be decoded and was left out: glass/x.jpg." in page


@pytest.mark.parametrize(
    ("method", "seeds", "said"),
    [
        ("stratified", 3, ["scored once for each of 3 seeds", "not kept together",
                           "standard deviation says", "--calibration_predictions=FILE"]),
        ("grouped", 1, ["images was scored once, by", "7 images in 3 groups, were kept",
                        "With one seed it is not known", "costs less coverage"]),
    ],
)  # fmt: skip
def test_what_is_said_of_the_protocol(method, seeds, said):
    sentences = cross_validation_page.sentences(report_of(seeds, method)[0])
    for sentence, words in zip(sentences, said, strict=True):
        assert words in sentence


def test_a_line_for_the_terminal():
    report, _ = report_of(2)
    line = cross_validation_page.summary(report)
    assert line.startswith(f"accuracy {report['accuracy']['mean']:.4f} (95% interval ")
    assert "; 2 seeds, standard deviation 0.0" in line and line.endswith(", 40 images")
    assert "; one seed), macro-F1" in cross_validation_page.summary(report_of(1)[0])


def test_the_report_comes_last(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cross_validation_page.html, "write", fail)
    with pytest.raises(KeyboardInterrupt):
        cross_validation_page.write(*report_of(1), tmp_path)
    assert not (tmp_path / "cross_validation.json").exists()
