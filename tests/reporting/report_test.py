import csv
import io
import json
import re
import subprocess

import numpy as np
import pytest
from PIL import Image

from trash_keras.config import Config
from trash_keras.data.catalog import Catalog
from trash_keras.data.sources import install
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import report, report_page
from trash_keras.reporting.content import ReportContent
from trash_keras.reporting.plots import base
from trash_keras.reporting.plots.saliency_maps import HeatMaps
from trash_keras.reporting.report import _git_revision, _version, provenance, rerender, write
from trash_keras.storage import local

NAMES = ("blue", "red")


def predicted(examples):
    labels = np.arange(examples) % 2
    paths = [f"{NAMES[label]}/{index}.png" for index, label in enumerate(labels)]
    return Predictions(NAMES, paths, labels, np.tile([0.9, 0.1], (examples, 1)))


def write_splits(output, splits, slice_of=None, **options):
    predictions = {name: predicted(4) for name in splits}
    counts = {name: {"blue": 2, "red": 2} for name in splits}
    content = ReportContent(predictions, counts, lambda files: {}, **options)
    return write(output, content, {"run": {}}, slice_of)


EPOCHS = [
    {"phase": "head", "epoch": epoch, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0,
     "val_accuracy": 0.5, "learning_rate": 0.1}
    for epoch in range(3)
]  # fmt: skip


@pytest.mark.parametrize(
    ("splits", "epochs", "figures"),
    [
        (("train", "valid", "test"), EPOCHS, {"learning_curves", "confusion_matrix_valid",
                                              "confusion_matrix_test"}),
        (("all",), [], {"confusion_matrix_all"}),
        (("train",), [], {"confusion_matrix_train"}),
    ],
    ids=["a run", "whole folder", "train alone"],
)  # fmt: skip
def test_a_report_is_a_folder_that_people_read(tmp_path, splits, epochs, figures):
    output = tmp_path / "new" / "folder"
    content = write_splits(output, splits, epochs=epochs)
    assert {path.name for path in output.glob("[!.]*")} == {
        "report.json", "report.html", "figures", "predictions"
    }  # fmt: skip
    for name in splits:
        found = Predictions.load(output / "predictions" / f"{name}.csv")
        assert found.score() == content[name] == predicted(4).score()
    always = {"class_balance", "reliability", "risk_coverage"}
    assert {path.stem for path in (output / "figures").iterdir()} == figures | always
    assert json.loads((output / "report.json").read_text()) == content
    shown = (output / "report.html").read_text()
    assert shown.count("data:image/svg+xml;base64,") == 2 + bool(epochs)


def test_slices_are_scored_and_shown_apart(tmp_path):
    slice_of = {path: "night" if path == "red/1.png" else "day" for path in predicted(4).paths}
    content = write_splits(tmp_path, ("valid", "test"), slice_of=slice_of)
    assert set(content["subsets"]) == {"valid", "test"}
    assert content["subsets"]["test"]["night"]["red"]["support"] == 1
    assert content["subsets"]["test"]["night"]["red"]["recall"] == 0
    shown = (tmp_path / "report.html").read_text()
    assert "<h3>Slices</h3>" in shown
    assert '<tr><th scope="row">night</th><td>red</td><td>0.0%</td>' in shown
    assert "subsets" not in write_splits(tmp_path / "without", ("test",))
    assert "Slices" not in (tmp_path / "without" / "report.html").read_text()


@pytest.mark.parametrize("culprit", ["page", "figures"])
def test_report_json_stands_only_when_all_the_rest_does(tmp_path, monkeypatch, culprit):
    def fail(*arguments, **options):
        raise KeyboardInterrupt

    module, name = {"page": (report_page, "write_page"), "figures": (base, "save_formats")}[culprit]
    monkeypatch.setattr(module, name, fail)
    with pytest.raises(KeyboardInterrupt):
        write_splits(tmp_path, ("test",))
    assert not (tmp_path / "report.json").exists()
    monkeypatch.undo()
    written = []
    write_json = local.write_json
    monkeypatch.setattr(local, "write_json", lambda path, value, **_: (
        written.append({file.name for file in tmp_path.rglob("[!.]*")}), write_json(path, value)
    ))  # fmt: skip
    write_splits(tmp_path, ("test",))
    names = ("class_balance", "confusion_matrix_test", "reliability", "risk_coverage")
    figures = {f"{name}.{suffix}" for name in names for suffix in ("png", "pdf", "svg")}
    assert written == [{"report.html", "figures", "predictions", "test.csv"} | figures]


DETAILS = {
    "run": {"command": "train"},
    "config": Config().to_dict(),
    "answering": {"temperature": 1.25, "threshold": 0.5, "set_threshold": 0.2, "tta": 2},
}


@pytest.fixture
def run(tmp_path):
    """The folder of a finished run, as far as a report is concerned."""
    found = predicted(4)
    catalog = Catalog(NAMES, {split: {"blue": found.paths[::2], "red": found.paths[1::2]}
                              for split in ("train", "valid", "test")})  # fmt: skip
    catalog.save(tmp_path / "catalog.json")
    with (tmp_path / "metrics.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, EPOCHS[0])
        rows.writeheader()
        rows.writerows(EPOCHS)
    (tmp_path / "model.keras").write_bytes(b"x" * 1_200_000)
    predictions = dict.fromkeys(("train", "valid", "test"), found)
    content = ReportContent(predictions, catalog.counts(), lambda files: {}, EPOCHS)
    write(tmp_path, content, DETAILS)
    return tmp_path


def test_page_and_card_can_be_written_again_from_the_folder(run):
    pages = [(run / name).read_text() for name in ("report.html", "MODEL_CARD.md")]
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    rerender(run, lambda files: {})
    assert [(run / name).read_text() for name in ("report.html", "MODEL_CARD.md")] == pages
    changed = {path.name for path, then in before.items() if path.stat().st_mtime_ns != then}
    assert changed == {"report.html", "MODEL_CARD.md"}


def test_page_and_card_show_calibration_and_threshold(run):
    report = json.loads((run / "report.json").read_text())
    assert report["answering"] == DETAILS["answering"]
    assert report["test"] == predicted(4).score(DETAILS["answering"])
    page_text, card = ((run / name).read_text() for name in ("report.html", "MODEL_CARD.md"))
    for text in (page_text, card):
        assert "A temperature of 1.25" in text and "unsure up to a probability of 0.500" in text
    assert (
        'aria-label="Calibration and selective classification"' in page_text
        and "before calibration 0.440" in page_text
    )


def test_a_report_without_inference_settings_says_nothing_of_them(run):
    report = json.loads((run / "report.json").read_text())
    del report["answering"], report["config"]["answering"], report["config"]["distillation"]
    for split in ("train", "valid", "test"):
        for name in ("ece_uncalibrated", "brier_uncalibrated", "abstention", "conformal"):
            del report[split][name]
    local.write_json(run / "report.json", report)
    rerender(run, lambda files: {})
    for name in ("report.html", "MODEL_CARD.md"):
        text = (run / name).read_text()
        assert "temperature" not in text and "unsure" not in text


def test_what_was_exported_since_is_listed(run):
    formats = {"int8": {"path": "model_int8.tflite", "bytes": 4_900_000, "accuracy": 0.875,
                      "max_difference": 0.02, "agreement": 0.991,
                      "latency": {"threads_1": {"p50_ms": 3.21, "p95_ms": 4},
                                  "threads_2": {"p50_ms": 2.04, "p95_ms": 4}}}}  # fmt: skip
    local.write_json(run / "export" / "export.json", {"kinds": formats})
    rerender(run, lambda files: {})
    page_text, card = ((run / name).read_text() for name in ("report.html", "MODEL_CARD.md"))
    for part in ("export/model_int8.tflite", "4.9 MB", "87.5%", "2.0e-02", "99.1%",
                 "3.2 ms (1 thread), 2.0 ms (2 threads)", "export/parity.html"):  # fmt: skip
        assert part in page_text
    assert "| int8 | `export/model_int8.tflite` | 4.9 | 87.5% | 99.1% | 2.0e-02 |" in card


def test_a_report_of_an_earlier_version_gets_the_figures_it_lacks(run):
    report = json.loads((run / "report.json").read_text())
    expected = (run / "report.html").read_text()
    for split in ("train", "valid", "test"):
        for name in ("ece", "aurc", "brier_uncalibrated", "abstention", "conformal"):
            del report[split][name]
    local.write_json(run / "report.json", report)
    rerender(run, lambda files: {})
    assert (run / "report.html").read_text() == expected


def heat_maps(found):
    return HeatMaps("stretch", {path: np.eye(3) for path in found.paths})


def test_heat_maps_stay_on_the_page_when_it_is_written_again(tmp_path, run):
    image = io.BytesIO()
    Image.new("RGB", (40, 30), "orange").save(image, "PNG")
    found = predicted(4)

    def read(files):
        return dict.fromkeys(files, image.getvalue())

    counts = Catalog.load(run / "catalog.json").counts()
    splits = dict.fromkeys(("train", "valid", "test"), found)
    content = ReportContent(splits, counts, read, EPOCHS, heat_maps(found))
    write(run, content, DETAILS)
    pages = (run / "report.html").read_text()
    assert pages.count("The same with the evidence for blue") == 2
    assert (run / "predictions" / "heat_maps.json").stat().st_size < 2000
    rerender(run, read)
    assert (run / "report.html").read_text() == pages


def test_heat_maps_of_an_earlier_evaluation_do_not_stay(tmp_path):
    write_splits(tmp_path, ("test",), heat_maps=heat_maps(predicted(4)))
    written = {tmp_path / "predictions/heat_maps.json", tmp_path / "figures/top_errors.jpg"}
    assert all(path.exists() for path in written)
    write_splits(tmp_path, ("test",))
    assert not any(path.exists() for path in written)


def test_the_test_of_the_heat_maps_is_drawn_and_kept(run, explanations):
    found, details = predicted(4), DETAILS | {"explanations": explanations}
    counts = Catalog.load(run / "catalog.json").counts()
    write(run, ReportContent({"test": found}, counts, lambda _: {}), details)
    assert (run / "figures" / "saliency.png").exists()
    page_text = (run / "report.html").read_text()
    assert "Heat maps (test)" in page_text
    rerender(run, lambda files: {})
    assert "Heat maps (test)" in (run / "report.html").read_text()


def test_out_of_distribution_detection_is_drawn_and_kept(run, ood_report):
    found, details = predicted(4), DETAILS | {"out_of_scope": ood_report}
    counts = Catalog.load(run / "catalog.json").counts()
    write(run, ReportContent({"test": found}, counts, lambda _: {}), details)
    assert (run / "figures" / "ood.png").exists()
    rerender(run, lambda files: {})
    assert "Out-of-distribution images" in (run / "report.html").read_text()


@pytest.mark.parametrize("missing", ["report.json", "predictions"])
def test_a_run_that_is_not_complete_is_left_alone(run, missing):
    local.remove(run / missing)
    (run / "report.html").write_text("as it was")
    rerender(run, lambda files: {})
    assert (run / "report.html").read_text() == "as it was"


@pytest.mark.parametrize("text", ["{", "[]", '{"kinds": {"int8": {"path": "x"}}}'])
def test_a_damaged_list_of_exports_is_an_error(run, text):
    local.write_text(run / "export" / "export.json", text)
    with pytest.raises(ValueError, match=r"export\.json is damaged"):
        rerender(run, lambda files: {})


def test_an_evaluation_gets_no_model_card(tmp_path):
    write_splits(tmp_path, ("test",))
    assert not (tmp_path / "MODEL_CARD.md").exists()


def test_provenance_says_what_made_the_result():
    facts = provenance("trash-keras train --seed=1")
    assert facts["command"] == "trash-keras train --seed=1"
    assert set(facts) == {"command", "python", "tensorflow", "keras", "trash_keras",
                          "git_revision", "machine", "date"}  # fmt: skip
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", facts["date"])
    for name in ("python", "tensorflow", "keras"):
        assert re.fullmatch(r"\d+\.\d+\.\d+.*", facts[name]), name
    assert re.search(r"\d+ CPU cores$", facts["machine"])
    json.dumps(facts, allow_nan=False)


def test_provenance_says_where_the_images_came_from(tmp_path):
    assert provenance("x", tmp_path)["data_source"] is None
    record = {"source": "trashnet", "sha256": "", "counts": {}}
    local.write_json(tmp_path / install.MARKER, record)
    assert provenance("x", tmp_path)["data_source"] == "trashnet"


def test_a_package_that_is_not_installed_has_no_version():
    assert _version("no-such-package-anywhere") is None


def test_the_revision_is_that_of_the_repository_or_none(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "__file__", str(tmp_path / "report.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert _git_revision() is None

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "report.py").write_text("")
    git("init", "-q")
    git("commit", "-qm", "a project in whose folder the package is installed", "--allow-empty")
    assert _git_revision() is None
    git("add", ".")
    git("commit", "-qm", "the package itself")
    revision = git("rev-parse", "HEAD")[:12]
    assert _git_revision() == revision
    (tmp_path / "report.py").write_text("changed")
    assert _git_revision() == f"{revision}-dirty"
    monkeypatch.setenv("PATH", str(tmp_path))  # no git at all
    assert _git_revision() is None
