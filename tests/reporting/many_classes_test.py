"""Work and pages of a thousand classes: nothing may grow with their square."""

import json
import re
import time
import tracemalloc

import numpy as np
import pytest

from tests.support.html_page import HtmlPage
from trash_keras.config import Config
from trash_keras.metrics import classification, cross_validation
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import audit_page, cross_validation_page, markdown, report
from trash_keras.reporting.content import ReportContent
from trash_keras.reporting.plots import class_figures

CLASSES = 1000
NAMES = tuple(f"class {index:04}" for index in range(CLASSES))


def random_predictions(images: int, seed: int = 0) -> Predictions:
    generator = np.random.default_rng(seed)
    rows = generator.random((images, CLASSES), np.float32) ** 8
    labels = np.arange(images) % CLASSES
    paths = [f"{NAMES[label]}/{index}.jpg" for index, label in enumerate(labels)]
    return Predictions(NAMES, paths, labels, rows / rows.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a report on 1,000 classes, its content, and seconds of the processor."""
    folder = tmp_path_factory.mktemp("many")
    predictions = {"valid": random_predictions(CLASSES), "test": random_predictions(CLASSES, 1)}
    counts = {split: dict.fromkeys(NAMES, 1) for split in predictions}
    content = ReportContent(predictions, counts, lambda files: {})
    details = {"config": Config().to_dict(), "run": {"command": "trash-keras train"}}
    details["answering"] = {"temperature": 1.5, "threshold": 0.01, "set_threshold": 0.001}
    slice_of = {path: str(len(path) % 3) for found in predictions.values() for path in found.paths}
    start = time.process_time()
    found = report.write(folder, content, details, slice_of)
    return folder, found, time.process_time() - start


def test_a_report_takes_seconds(run):
    assert run[-1] < 30


def test_figures_of_many_classes_take_little_memory():
    size = 500
    matrix, names = np.ones((size, size), int), [f"class {index}" for index in range(size)]
    tracemalloc.start()
    try:
        class_figures.confusion_matrix(matrix, names).draw_without_rendering()
        class_figures.class_balance({"all": dict.fromkeys(names, 1)}).draw_without_rendering()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6


def test_the_page_lists_confusions_and_lets_one_search_the_classes(run):
    folder, *_ = run
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert len(text) < 5e6
    parsed = HtmlPage(text)
    assert len(parsed.all("table")) < 12
    assert not [table for table in parsed.all("table") if table.get("class") == "matrix"]
    assert text.count('class="listed"') > 0 and text.count('<section class="cell"') <= 60
    assert text.count('type="search"') == 3  # classes, slices, data
    for name in (NAMES[0], NAMES[-1]):
        assert f'<th scope="row">{name}</th>' in text


@pytest.mark.slow
def test_what_is_typed_leaves_the_rows_that_contain_it(run, make_browser):
    browser = make_browser()
    browser.get((run[0] / "report.html").as_uri())
    field = browser.find_element("css selector", "#classes .find input")
    field.send_keys("CLASS 0007")
    rows = browser.find_elements("css selector", "[aria-label=Classes] tbody tr:not([hidden])")
    assert [row.find_element("css selector", "th").text for row in rows] == ["class 0007"]
    assert browser.find_element("css selector", "#classes .find output").text == "1 of 1000"
    assert not browser.get_log("browser")


def test_few_classes_have_nothing_to_search(written, full):
    assert 'type="search"' not in written(full)


def test_json_has_a_row_of_the_matrix_in_a_line(run):
    folder, found, _ = run
    text = (folder / "report.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(found))
    assert len(text.splitlines()) < 50 * CLASSES


def test_the_card_names_few_of_many_classes(run):
    folder, *_ = run
    text = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "which of 1000 classes" in text and "and 975 more" in text
    assert len(set(re.findall(r"class \d{4}", text))) < 120
    assert "The 25 of 1000 classes with the lowest F1 score on the test split:" in text


def test_the_summary_lists_few_of_many_classes(run):
    _, found, _ = run
    text = markdown.summary(found, {})
    assert "The 25 of 1000 with the lowest F1 score." in text and len(text) < 20_000


def test_a_cross_validation_of_many_classes(tmp_path):
    predictions = {0: random_predictions(CLASSES), 1: random_predictions(CLASSES, 1)}
    fold = {"fold": 0, "examples": CLASSES, "predicted": 9, "wrong": 8, "accuracy": 0.1,
            "accuracy_interval": [0.0, 0.2], "macro_f1": 0.1, "valid_accuracy": 0.1,
            "best_epoch": 0, "training_minutes": 1.0}  # fmt: skip
    folds = [{"seed": seed, **fold} for seed in predictions]
    config = {**Config().to_dict(), "cross_validation": {"folds": 2}}
    start = time.process_time()
    found = cross_validation.score(predictions, folds)
    rest = {"folds": folds, "groups": 0, "grouped_images": 0, "config": config, "bad_files": []}
    cross_validation_page.write(found | rest | {"run": {"command": "x"}}, predictions, tmp_path)
    assert time.process_time() - start < 60
    page = (tmp_path / "cross_validation.html").read_text(encoding="utf-8")
    assert len(page) < 5e6 and page.count('type="search"') == 1


def test_the_most_confused_come_in_the_order_of_their_counts():
    matrix = np.zeros((40, 40), int)
    matrix[7, 3], matrix[2, 9], matrix[1, 1], matrix[2, 8] = 5, 2, 99, 2
    found = classification.most_confused(matrix.tolist(), 3)
    assert found == [(7, 3, 5), (2, 8, 2), (2, 9, 2)]
    assert classification.most_confused(matrix, 1) == [(7, 3, 5)]
    assert classification.most_confused(np.eye(3, dtype=int), 9) == []


def test_the_weakest_of_many_classes_occur():
    rows = {str(i): {"f1": i / 100, "support": i % 2} for i in range(100)}
    assert list(classification.weakest(rows, 3)) == ["1", "3", "5"]
    assert classification.weakest(rows, 100) is rows


def test_an_audit_of_many_classes_is_searchable(tmp_path):
    findings = {
        "summary": dict.fromkeys(
            ("files", "unreadable", "wrong_extensions", "exact_duplicates", "near_duplicates",
             "groups", "duplicates_across_splits", "duplicates_across_classes",
             "doubtful_labels", "outliers"), 0),
        "counts": {"all": dict.fromkeys(NAMES, 3)},
        "unreadable": [], "wrong_extensions": [], "exact_duplicates": [], "near_duplicates": [],
        "doubtful_labels": None, "outliers": {}, "run": {},
        "evidence": dict.fromkeys(
            ("exact_duplicates", "near_duplicates", "doubtful_labels", "outliers"), ""),
    }  # fmt: skip
    audit_page.write_page(tmp_path / "audit.html", findings, tmp_path)
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert page.count('type="search"') == 1 and len(page) < 1e6
