import base64
import copy
import hashlib
import io
import os
import re
import shlex
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, JpegImagePlugin

from trash_keras.metrics import report_file
from trash_keras.reporting import confusion_cells, report_page
from trash_keras.reporting.charts import Chart, page_charts
from trash_keras.reporting.content import ReportContent
from trash_keras.reporting.plots.saliency_maps import HeatMaps

ORIGINAL = ["cardboard", "glass", "metal", "paper", "plastic", "trash"]
VOID = {"meta", "img", "br", "hr", "link", "input", "source"}


class Parsed(HTMLParser):
    """A page: its elements, its text, and a complaint about the first tag that is not closed."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.words: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.elements if name == tag]


def mistake(file: str, **more) -> dict:
    found = {"file": file, "truth": "glass", "prediction": "metal", "probability": 0.934}
    return {**found, **more}


@pytest.fixture
def written(tmp_path, predicted):
    """Writes a page and returns its text; images are the files under tmp_path."""

    def write(report: dict, matrix=None, epochs=(), explained=None, **options) -> str:
        path = tmp_path / "out" / "report.html"
        names = report["class_names"]
        shown = report[report_file.main_split(report)]
        found = predicted(names, shown["confusion_matrix"] if matrix is None else matrix)
        predictions = {split: found for split in report_file.SPLIT_TITLES if split in report}
        counts = {split: dict.fromkeys(names, 50) for split in predictions}
        # Drawing takes time: only the tests with epochs look at the figures.
        blank = Chart("A title", "What it shows", Figure(figsize=(1, 1)))
        charts = {"reliability": blank, "risk_coverage": blank}
        if {"explanations", "out_of_scope", "robustness"} & set(report):
            charts = page_charts(report, predictions)
        if epochs:
            charts = page_charts(report, predictions, epochs)

        def read(files):
            there = [file for file in files if (tmp_path / file).exists()]
            return {file: (tmp_path / file).read_bytes() for file in there}

        content = ReportContent(predictions, counts, read, heat_maps=explained)
        report_page.write_page(path, report, content, charts, **options)
        assert os.listdir(path.parent) == ["report.html"]
        return path.read_text(encoding="utf-8")

    return write


def write_image(path: Path, size: tuple[int, int] = (40, 30), kind: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "orange").save(path, kind)
    return path


def embedded(source: str) -> Image.Image:
    found = re.fullmatch(r"data:image/(png|jpeg);base64,(.+)", source)
    assert found, source[:40]
    kind, encoded = found.groups()
    image = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    image.load()
    assert image.format == kind.upper()
    return image


def write_images(folder: Path, found) -> None:
    """Writes each image of a set of predictions in a colour of its own size."""
    for number, file in enumerate(found.paths):
        write_image(folder / file, (20 + number, 20))


EPOCHS = [
    {"phase": "head", "epoch": epoch, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0,
     "val_accuracy": 0.6 + epoch / 100}
    for epoch in range(3)
]  # fmt: skip
CONFIG = {
    "data": {"batch_size": 32, "split_dir": None, "image_size": 64},
    "model": {"backbone": "some/where/lite.keras"},
    "runtime": {"seed": 7},
}
RUN = {
    "machine": "Linux", "git_revision": "0123456789ab", "best_epoch": 2, "best_phase": "head",
    "command": "trash-keras train --seed=7 --runner_options='--a --b'",
}  # fmt: skip
ARTIFACTS = [
    {"kind": "keras", "path": "model.keras", "bytes": 14_200_000, "accuracy": 0.93,
     "agreement": None, "max_difference": None, "latency": None},
    {"kind": "float32", "path": "export/model_float32.tflite", "bytes": 13_500_000,
     "accuracy": None, "agreement": None, "max_difference": 2.9e-6, "latency": None},
]  # fmt: skip


@pytest.fixture
def full(tmp_path, scored) -> dict:
    """A report with all that can be in one."""
    for name in ("a.jpg", "b.jpg"):
        write_image(tmp_path / "glass" / name, (400, 300))
    return {
        "class_names": ORIGINAL,
        "train": scored(ORIGINAL, 49, 1),
        "valid": scored(ORIGINAL, 40, 10),
        "test": scored(ORIGINAL, mistakes=[mistake("glass/a.jpg"), mistake("glass/b.jpg")]),
        "bad_files": ["glass/broken.jpg"],
        "config": CONFIG,
        "run": RUN,
    }


def test_page_is_whole_well_formed_and_self_contained(written, full):
    text = written(full, epochs=EPOCHS, artifacts=ARTIFACTS)
    parsed = Parsed(text)
    assert text.startswith("<!doctype html>")
    assert parsed.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in parsed.all(
        "meta"
    )
    assert "".join(parsed.texts["title"]).startswith("Classifier report: ")
    assert "prefers-color-scheme: dark" in "".join(parsed.texts["style"])
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in parsed.elements}
    assert not re.search(r"url\(|@import", "".join(parsed.texts["style"]))
    sources = [
        attributes[name]
        for _, attributes in parsed.elements
        for name in ("src", "srcset", "data", "background", "poster")
        if name in attributes
    ]
    assert len(sources) == 5
    assert all(source.startswith("data:image/") for source in sources)
    identifiers = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_only_our_script_may_run(written, full):
    parsed = Parsed(written(full))
    (script,) = parsed.texts["script"]
    assert parsed.all("script") == [{}]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = [meta["content"] for meta in parsed.all("meta") if "http-equiv" in meta]
    assert policy == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    ]


def test_every_image_says_what_it_is(written, full):
    images = Parsed(written(full, epochs=EPOCHS)).all("img")
    curves, reliability, risk, *mistakes = [image["alt"] for image in images]
    assert curves.startswith("Accuracy and loss over 3 epochs. Validation accuracy is best after")
    assert "epoch 3 with 62.0%" in curves
    assert "the expected calibration error is" in reliability and "surest" in risk
    assert mistakes == ["glass taken for metal"] * 2


def test_sections_come_in_order(written, full):
    text = written(full, epochs=EPOCHS, artifacts=ARTIFACTS)
    parsed = Parsed(text)
    assert re.findall(r"<(?:h1|h2|summary)>(.*?)<", text) == [
        "Classifier report", "Splits", "Training", "Confusions (test)", "Classes (test)",
        "Confidence (test)", "Mistakes (test)", "Data", "Model files", "How to reproduce it",
        "Configuration",
    ]  # fmt: skip
    targets = [link["href"][1:] for link in parsed.all("a")]
    identifiers = {attributes.get("id") for _, attributes in parsed.elements}
    assert set(targets) <= identifiers


def test_tables_scroll_inside_their_own_container(written, full):
    elements = Parsed(written(full, artifacts=ARTIFACTS)).elements
    before = [elements[i - 1] for i, (tag, _) in enumerate(elements) if tag == "table"]
    assert len(before) == 5
    assert all(tag == "div" and "scroll" in element["class"].split() for tag, element in before)


def test_numbers_of_every_split_and_class_are_there(written, full, scored):
    full["test"] |= {"ece": 0.0321, "brier": 0.0432, "aurc": 0.00543}
    full["test"]["coverage_at_2_percent_error"] = 0.765
    full["test"]["loss"] = 0.1234
    text = Parsed(written(full)).text
    assert "98.3% of the test images" in text
    low, high = full["test"]["accuracy_interval"]
    interval = f"{low:.1%} to {high:.1%}"
    assert f"95% interval {interval} Macro-F1 0.983 Calibration error 0.032" in text
    assert "Coverage at 2% error 76.5% Images 300" in text
    assert f"test 300 98.3% {interval} 0.983 0.123 0.032 0.043 0.0054" in text
    assert "cardboard 100.0% 90.0% 0.947 50" in text and "train 300 99.7%" in text
    assert "cardboard 50 50 50 150 16.7%" in text


def test_how_it_predictions_is_told_for_every_split(written, full):
    how = {"temperature": 2.0, "threshold": 0.75, "set_threshold": 0.2, "tta": 1}
    for split, error in (("train", 0.01), ("valid", 0.02), ("test", None)):
        abstention = {"threshold": 0.75, "coverage": 0.9, "error": error, "error_interval": [0, 0]}
        sets = {"threshold": 0.2, "coverage": 0.95, "mean_size": 1.5}
        full[split] |= {"abstention": abstention, "conformal": sets, "ece_uncalibrated": 0.0987}
        full[split] |= {"ece": 0.0321, "brier": 0.0432, "brier_uncalibrated": 0.0876}
    full["test"]["abstention"]["coverage"] = 0
    parsed = Parsed(written(full | {"answering": how}, epochs=EPOCHS))
    assert "valid 0.099 0.032 0.088 0.043 90.0% 2.0% 95.0% 1.50" in parsed.text
    assert "test 0.099 0.032 0.088 0.043 0.0% \u2013 95.0% 1.50" in parsed.text
    assert "before calibration 0.099" in parsed.all("img")[1]["alt"]
    assert "own threshold" not in parsed.all("img")[2]["alt"]
    full["test"]["abstention"] = full["valid"]["abstention"]
    parsed = Parsed(written(full | {"answering": how}, epochs=EPOCHS))
    expected = "At the model's own threshold of 0.750 90.0% get one, 2.0% of these wrong."
    assert expected in parsed.all("img")[2]["alt"]


@pytest.mark.parametrize(
    ("splits", "shown"),
    [(["train", "valid", "test"], "test"), (["train", "valid"], "valid"), (["all"], "all")],
)
def test_sections_are_those_of_the_test_split_or_the_last(written, scored, splits, shown):
    report = {"class_names": ["a", "b"]}
    for number, split in enumerate(splits):
        report[split] = scored(["a", "b"], correct=100 * (number + 1))
    text = Parsed(written(report)).text
    for section in ("Confusions", "Classes", "Confidence", "Mistakes"):
        assert f"{section} ({shown})" in text
    support = 100 * (splits.index(shown) + 1) + 5
    assert f"{support} b 90.9%" in text


def test_a_report_without_the_optional_parts_works(written, scored):
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"])}
    del report["test"]["mistakes"]
    text = Parsed(written(report)).text
    assert "5 of 100 images got a wrong prediction." in text
    for absent in ("Left out", "Configuration", "How to reproduce", "Training", "Model files"):
        assert absent not in text


def test_a_report_without_a_split_is_refused(written, predicted, tmp_path):
    with pytest.raises(ValueError, match="one of the splits"):
        content = ReportContent({"test": predicted(["a"], [[1]])}, {}, lambda files: {})
        report_page.write_page(tmp_path / "x.html", {"class_names": ["a", "b"]}, content, {})


def test_names_are_escaped_everywhere(written, scored, tmp_path):
    evil = '<b>glass</b>"&'
    names = [evil, "metal"]
    found = [mistake(f"{evil}.jpg", truth=evil), mistake("seen.jpg", truth=evil)]
    write_image(tmp_path / "seen.jpg")
    report = {
        "class_names": names,
        "test": scored(names, mistakes=found),
        "bad_files": [evil],
        "config": {evil: {evil: evil}},
        "run": {evil: evil, "command": evil, "data_source": evil},
    }
    parsed = Parsed(written(report))
    assert "b" not in {tag for tag, _ in parsed.elements}
    assert parsed.all("img")[-1]["alt"] == f"{evil} taken for metal"
    assert parsed.text.count(evil) > 20


def test_a_cell_leads_to_its_images(written, scored, predicted, tmp_path):
    matrix = [[3, 2], [0, 15]]
    found = predicted(["a", "b"], matrix)
    write_images(tmp_path, found)
    report = {"class_names": ["a", "b"], "test": found.score() | {"mistakes": []}}
    parsed = Parsed(written(report))
    links = [link for link in parsed.all("a") if "data-row" in link]
    assert [(link["href"], link["data-count"]) for link in links] == [
        ("#cell-0-0", "3"), ("#cell-0-1", "2"), ("#cell-1-1", "15")
    ]  # fmt: skip
    assert links[1]["aria-label"] == "a, predicted b: 2, 40.0% of a"
    thumbnails = [image for image in parsed.all("img") if "predicted" in image["alt"]]
    assert [image["alt"] for image in thumbnails] == (
        ["a predicted a"] * 3 + ["a predicted b"] * 2 + ["b predicted b"] * 12
    )
    # By their widths, the images of each cell: least sure right ones, surest wrong ones first.
    widths = [embedded(image["src"]).width - 20 for image in thumbnails]
    assert widths == [2, 1, 0, 3, 4, *range(19, 7, -1)]
    assert "12 are shown, the least sure predictions." in parsed.text
    assert (
        "a, predicted b: 2 images 40.0% of all a. The most sure predictions first." in parsed.text
    )


def test_many_classes_get_a_list_of_confusions(written, predicted):
    names = [f"class{i}" for i in range(confusion_cells.MATRIX_CLASSES + 1)]
    matrix = np.eye(len(names), dtype=int)
    matrix[3, 1], matrix[5, 2] = 2, 4
    report = {"class_names": names, "test": predicted(names, matrix).score()}
    parsed = Parsed(written(report))
    assert "class5 → class2: 4 (80.0%) class3 → class1: 2 (66.7%)" in parsed.text
    assert "The most frequent ones. A line opens the images behind it." in parsed.text
    assert not [table for table in parsed.all("table") if table.get("class") == "matrix"]


@pytest.mark.parametrize("explained", [False, True])
def test_images_that_do_not_fit_are_left_out_and_the_page_stays_under_5_mb(
    written, predicted, tmp_path, explained
):
    names = [f"class{i}" for i in range(8)]
    matrix = np.full((8, 8), 12)
    found = predicted(names, matrix)
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(noise).save(encoded, "PNG")
    for file in found.paths:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(encoded.getvalue())
    maps = HeatMaps("stretch", {file: np.eye(7) for file in found.paths}) if explained else None
    text = written({"class_names": names, "test": found.score()}, explained=maps)
    assert text.count("The same with the evidence for") == (24 if explained else 0)
    shown = len([image for image in Parsed(text).all("img") if "predicted" in image["alt"]])
    assert 64 < shown < confusion_cells.IMAGES_OF_A_PAGE
    assert 3_000_000 < len(text) < 5_000_000


def test_mistakes_are_thumbnails_and_at_most_24(written, scored, tmp_path):
    files = [f"glass/{i:02}.jpg" for i in range(30)]
    for i, file in enumerate(files):
        write_image(tmp_path / file, (800, 400) if i else (30, 20))
    report = {
        "class_names": ["glass", "metal"],
        "test": scored(["glass", "metal"], 20, 30, mistakes=[mistake(file) for file in files]),
    }
    parsed = Parsed(written(report))
    thumbnails = [embedded(image["src"]) for image in parsed.all("img")[2:]]
    assert [thumbnail.size for thumbnail in thumbnails] == [(30, 20)] + [(160, 80)] * 23
    assert {thumbnail.format for thumbnail in thumbnails} == {"JPEG"}
    assert "30 of 100 images got a wrong prediction." in parsed.text
    assert "The first 24 are shown." in parsed.text
    assert "glass → metal , 93% glass/23.jpg" in parsed.text
    assert "glass/24.jpg" not in parsed.text


def test_mistakes_have_their_evidence_beside_them(written, full):
    heat_map = np.zeros((7, 7))
    heat_map[6, 3] = 1
    maps = HeatMaps("stretch", {"glass/a.jpg": heat_map, "of another split.jpg": heat_map})
    parsed = Parsed(written(full, explained=maps))
    *_, first, overlay, second = parsed.all("img")
    assert first["alt"] == second["alt"] == "glass taken for metal"
    assert overlay["alt"] == "The same with the evidence for metal: bottom"
    plain, lit = (np.asarray(embedded(image["src"])).astype(int) for image in (first, overlay))
    assert plain.shape == lit.shape
    assert lit[110, 80].sum() > 1.5 * lit[20, 20].sum(), "bright at the bottom alone"
    (ramp,) = [span for span in parsed.all("span") if span.get("class") == "ramp"]
    assert ramp["style"].count("rgb(") == 12
    assert "relative to the strongest of the image: none most" in parsed.text
    assert "Grad-CAM" not in Parsed(written(full)).text


def test_it_says_how_far_heat_maps_can_be_trusted(written, full, explanations):
    parsed = Parsed(written({**full, "explanations": explanations}))
    assert "Heat maps (test)" in parsed.text
    assert "maps are not shown to be better than random ones" in parsed.text
    assert "#explanations" in [link["href"] for link in parsed.all("a")]
    (figure,) = [image for image in parsed.all("img") if "blurred" in image["alt"]]
    assert figure["src"].startswith("data:image/svg+xml")
    assert "Area for Grad-CAM: deletion 0.500, insertion 0.500." in figure["alt"]


def test_it_shows_images_of_anything_else(written, full, other_images):
    parsed = Parsed(written({**full, "out_of_scope": other_images}))
    assert "Of 4 images of anything else the model is unsure of 75.0%" in parsed.text
    assert "cosine to neighbour 10 among" in parsed.text
    assert "#others" in [link["href"] for link in parsed.all("a")]
    (figure,) = [image for image in parsed.all("img") if "other images" in image["alt"]]
    assert figure["src"].startswith("data:image/svg+xml")
    area = other_images["scores"]["novelty"]["auroc"]
    assert f"75.0% of which are unsure. AUROC: confidence {area:.3f}" in figure["alt"]
    assert "anything else" not in Parsed(written(full)).text


@pytest.mark.parametrize(("probability", "shown"), [(0.994, "99%"), (0.9999, ">99%"), (0.5, "50%")])
def test_no_model_is_said_to_be_certain(written, scored, probability, shown):
    split = scored(["a", "b"], mistakes=[mistake("x.jpg", probability=probability)])
    text = Parsed(written({"class_names": ["a", "b"], "test": split})).text
    assert f"glass → metal , {shown} x.jpg" in text


def test_images_that_cannot_be_read_get_a_box(written, scored, tmp_path):
    whole = write_image(tmp_path / "whole.png", (300, 200)).read_bytes()
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    files = ["missing.jpg", "text.jpg", "cut.png", "empty.jpg", "whole.png"]
    report = {
        "class_names": ["a", "b"],
        "test": scored(["a", "b"], 100, 0, mistakes=[mistake(file) for file in files]),
    }
    text = written(report)
    _, mistakes = text.split("<h2>Mistakes")
    assert mistakes.count("<img") == 1
    assert mistakes.count('<div class="gone">not readable</div>') == 4
    assert all(file in mistakes for file in files)


def test_a_decoder_that_breaks_in_an_unusual_way_costs_no_page(
    written, scored, tmp_path, monkeypatch
):
    def fail(*args, **kwargs):
        raise IndexError("somewhere in a decoder")

    write_image(tmp_path / "a.jpg")
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", fail)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[mistake("a.jpg")])}
    assert "not readable" in written(report)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "a.png"), ("P", "a.gif"), ("RGBA", "a.webp"), ("CMYK", "a.jpg"), ("1", "a.bmp")],
)
def test_images_of_any_kind_become_thumbnails(written, scored, tmp_path, mode, name):
    Image.new(mode, (320, 200)).save(tmp_path / name)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[mistake(name)])}
    image = Parsed(written(report)).all("img")[-1]
    assert embedded(image["src"]).size == (160, 100)


def test_a_thumbnail_stands_upright(written, scored, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (320, 200)).save(tmp_path / "a.jpg", exif=exif)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[mistake("a.jpg")])}
    image = Parsed(written(report)).all("img")[-1]
    assert embedded(image["src"]).size == (100, 160)


def test_figures_are_vectors_and_pixels_when_vectors_are_too_many(written, full, monkeypatch):
    figures = Parsed(written(full, epochs=EPOCHS)).all("img")[:3]
    assert all(figure["src"].startswith("data:image/svg+xml;base64,") for figure in figures)
    monkeypatch.setattr(report_page, "FIGURE_BYTES", 1000)
    figures = Parsed(written(full, epochs=EPOCHS)).all("img")[:3]
    assert [figure["class"] for figure in figures] == ["pixels"] * 3
    pixels = embedded(figures[0]["src"])
    assert pixels.width == pytest.approx(2 * int(figures[0]["width"]), abs=2)


def test_a_training_of_thousands_of_epochs_fits(written, full):
    generator = np.random.default_rng(0)
    epochs = [
        {"phase": "head", "epoch": epoch, **{
            name: generator.random() for name in ("loss", "accuracy", "val_loss", "val_accuracy")
        }}
        for epoch in range(20_000)
    ]  # fmt: skip
    assert len(written(full, epochs=epochs)) < 1_500_000


def test_model_files_are_listed_with_what_is_known_of_them(written, full):
    text = Parsed(written(full, artifacts=ARTIFACTS)).text
    assert "Kind File Size Accuracy (test) Largest difference keras" in text
    assert "keras model.keras 14.2 MB 93.0% \u2013 float32" in text
    assert "float32 export/model_float32.tflite 13.5 MB \u2013 2.9e-06" in text
    quick = [{**ARTIFACTS[0], "latency": "8.1 ms"}]
    text = Parsed(written(full, artifacts=quick)).text
    assert "Accuracy (test) Latency keras model.keras 14.2 MB 93.0% 8.1 ms" in text
    assert "trash-keras export writes files for servers and phones" in text


def test_files_left_out_are_counted_and_listed(written, full):
    full["bad_files"] = [f"glass/bad{i:03}.jpg" for i in range(203)]
    text = Parsed(written(full)).text
    assert "203 files could not be decoded" in text
    assert "glass/bad199.jpg" in text and "glass/bad200.jpg" not in text
    assert "And 3 more." in text


def test_robustness_is_shown_with_what_its_severities_are(written, full):
    assert 'id="robustness"' not in written(full)
    levels = {"levels": [1, 2, 3, 4, 5], "accuracy": [0.9, 0.8, 0.7, 0.6, 0.5],
              "mean_accuracy": 0.7, "mean_macro_f1": 0.678}  # fmt: skip
    full["robustness"] = {
        "examples": 120, "mean_accuracy": 0.71, "mean_macro_f1": 0.69,
        "clean": {"accuracy": 0.95, "macro_f1": 0.94},
        "kinds": {"blur": {**levels, "meaning": "radius in pixels", "changed": 1.0},
                  "background": {**levels, "meaning": "share of it", "changed": 0.75}},
    }  # fmt: skip
    parsed = Parsed(written(full))
    assert "#robustness" in {link["href"] for link in parsed.all("a")}
    assert "71.0% are classified correctly" in parsed.text and "95.0%" in parsed.text
    row = "blur 90.0% 80.0% 70.0% 60.0% 50.0% 70.0% 0.678 radius in pixels: 1, 2, 3, 4, 5"
    assert row in parsed.text
    assert "background: 75.0% of the images change" in parsed.text
    assert "blur: " not in parsed.text
    (alternative,) = [image["alt"] for image in parsed.all("img") if "blur" in image["alt"]]
    assert "is 95.0%" in alternative and "blur 70.0%, background 70.0%" in alternative


def test_a_label_map_and_classes_without_images_are_told(written, full, predicted):
    full["label_map"] = {"classes": {"jar": "glass", "sofa": None, "unseen": None},
                         "left_out": {"sofa": 12}}  # fmt: skip
    matrix = np.diag([50, 50, 0, 50, 50, 50])  # no metal
    full["test"] = predicted(ORIGINAL, matrix).score()
    text = Parsed(written(full)).text
    assert "jar → glass sofa → left out: 12 images unseen → left out 12 images were" in text
    assert "metal \u2013 \u2013 \u2013 0" in text and "glass 100.0% 100.0% 1.000 50" in text


def test_it_says_how_to_do_it_again(written, full):
    parsed = Parsed(written(full, epochs=EPOCHS))
    (commands,) = parsed.texts["pre"]
    assert commands.splitlines() == [
        "git checkout 0123456789ab",
        "trash-keras train \\", "    --seed=7 \\", "    '--runner_options=--a --b'",
    ]  # fmt: skip
    shown = subprocess.run(
        ["bash", "-c", "printf '%s\n' " + commands.split("\n", 1)[1]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.splitlines() == shlex.split(RUN["command"])
    assert "git revision 0123456789ab machine Linux seed 7" in parsed.text
    assert "backbone lite.keras image size 64 seed 7 best epoch 3, by validation" in parsed.text


@pytest.mark.parametrize("revision", [None, "0123456789ab-dirty"])
def test_what_was_never_committed_cannot_be_checked_out(written, full, revision):
    text = written(full | {"run": RUN | {"git_revision": revision}})
    assert "git checkout" not in text


def test_an_odd_command_is_shown_as_it_is(written, full):
    text = written(full | {"run": RUN | {"command": "train 'never closed"}})
    assert "train &#39;never closed</pre>" in text


def test_configuration_is_folded(written, full):
    parsed = Parsed(written(full))
    assert parsed.all("details") == [{}]
    assert "Configuration data batch_size 32 split_dir none image_size 64 model" in parsed.text


def test_the_report_is_not_changed(written, full):
    before = copy.deepcopy(full)
    written(full)
    assert full == before


def test_a_file_name_that_is_no_text_is_written_with_an_escape(written, scored):
    name = os.fsdecode(b"caf\xe9.jpg")
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[mistake(name)])}
    assert "caf\\xe9.jpg" in written(report)


def test_failing_write_leaves_the_old_page_and_no_other_file(tmp_path, written, full, monkeypatch):
    old = written(full)

    def fail(self, *args, **kwargs):
        self.write_bytes(b"<!doctype html><p>half a pa")
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    full["test"]["macro_f1"] = 0.1
    with pytest.raises(OSError, match="disk full"):
        written(full)
    monkeypatch.undo()
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == old
    assert os.listdir(tmp_path / "out") == ["report.html"]
