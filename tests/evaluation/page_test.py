import base64
import copy
import io
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from trash_keras.evaluation import page

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
        if "style" not in self.open:
            self.words.append(data)
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [attributes for name, attributes in self.elements if name == tag]


def scored(class_names: list[str], correct: int = 45, wrong: int = 5, **more) -> dict:
    """A split whose first class has `correct` + `wrong` pictures, the others 50 right ones each."""
    size = len(class_names)
    matrix = np.eye(size, dtype=int) * 50
    matrix[0, :2] = correct, wrong
    examples = int(matrix.sum())
    accuracy = float(np.trace(matrix) / examples)
    rows = {
        name: {"precision": 0.9, "recall": 0.8, "f1": 0.85, "support": int(matrix[i].sum())}
        for i, name in enumerate(class_names)
    }
    return {
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - 0.05, min(accuracy + 0.05, 1.0)],
        "loss": 0.1234,
        "macro_f1": 0.8765,
        "examples": examples,
        "per_class": rows,
        "confusion_matrix": matrix.tolist(),
        "mistakes": [],
        **more,
    }


def mistake(file: str, **more) -> dict:
    found = {"file": file, "truth": "glass", "prediction": "metal", "probability": 0.934}
    return {**found, **more}


def written(tmp_path: Path, report: dict, figures: dict | None = None) -> str:
    path = tmp_path / "out" / "report.html"
    files = (file for file in tmp_path.rglob("*") if file.is_file())
    pictures = {str(file.relative_to(tmp_path)): file.read_bytes() for file in files}
    page.write_page(path, report, figures or {}, pictures)
    assert os.listdir(path.parent) == ["report.html"]
    return path.read_text(encoding="utf-8")


def write_picture(path: Path, size: tuple[int, int] = (40, 30), kind: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "orange").save(path, kind)
    return path


def embedded(source: str) -> Image.Image:
    found = re.fullmatch(r"data:image/(png|jpeg);base64,(.+)", source)
    assert found, source[:40]
    kind, encoded = found.groups()
    picture = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    picture.load()
    assert picture.format == kind.upper()
    return picture


@pytest.fixture
def full(tmp_path) -> tuple[dict, dict]:
    """A report with all that can be in one, and its figures."""
    for name in ("a.jpg", "b.jpg"):
        write_picture(tmp_path / "glass" / name, (400, 300))
    report = {
        "class_names": ORIGINAL,
        "train": scored(ORIGINAL, 49, 1),
        "valid": scored(ORIGINAL, 40, 10),
        "test": scored(ORIGINAL, mistakes=[mistake("glass/a.jpg"), mistake("glass/b.jpg")]),
        "bad_files": ["glass/broken.jpg"],
        "config": {"data": {"batch_size": 32, "split_dir": None}, "seed": 7},
        "run": {"machine": "Linux", "git_revision": None, "command": "train --seed=7"},
    }
    figures = {"Curves & more": write_picture(tmp_path / "curves.png", (600, 400))}
    return report, figures


def test_page_is_whole_well_formed_and_self_contained(tmp_path, full):
    text = written(tmp_path, *full)
    parsed = Parsed(text)
    assert text.startswith("<!doctype html>")
    assert parsed.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in parsed.all(
        "meta"
    )
    assert "".join(parsed.texts["title"]).startswith("Classifier report: ")
    assert "prefers-color-scheme: dark" in "".join(parsed.texts["style"])
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in parsed.elements}
    assert not re.search(r"url\(|@import", "".join(parsed.texts["style"]))
    sources = [
        attributes[name]
        for _, attributes in parsed.elements
        for name in ("src", "srcset", "data", "background", "poster")
        if name in attributes
    ]
    assert len(sources) == 3
    assert all(source.startswith("data:image/") for source in sources)
    policy = [meta["content"] for meta in parsed.all("meta") if "http-equiv" in meta]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_every_picture_says_what_it_is(tmp_path, full):
    images = Parsed(written(tmp_path, *full)).all("img")
    assert [image["alt"] for image in images] == ["Curves & more"] + ["glass taken for metal"] * 2


def test_sections_come_in_order(tmp_path, full):
    parsed = Parsed(written(tmp_path, *full))
    headings = [
        "Classifier report", "Splits", "Figures", "Classes (test)", "Mistakes (test)",
        "Left out", "Configuration", "How this was made",
    ]  # fmt: skip
    found = [data for data in parsed.words if data in headings]
    assert found == headings


def test_tables_scroll_inside_their_own_container(tmp_path, full):
    elements = Parsed(written(tmp_path, *full)).elements
    before = [elements[i - 1] for i, (tag, _) in enumerate(elements) if tag == "table"]
    assert len(before) == 2
    assert all(tag == "div" and "scroll" in element["class"].split() for tag, element in before)


def test_numbers_of_every_split_and_class_are_there(tmp_path, full):
    text = Parsed(written(tmp_path, *full)).text
    assert "98.3% of the test pictures" in text
    for row in (
        "train 300 99.7% 94.7% to 100.0% 0.876 0.123",
        "valid 300 96.7% 91.7% to 100.0% 0.876 0.123",
        "test 300 98.3% 93.3% to 100.0% 0.876 0.123",
        "trash 90.0% 80.0% 0.850 50",
    ):
        assert row in text


@pytest.mark.parametrize(
    ("splits", "shown"),
    [
        (["train", "valid", "test", "all"], "test"),
        (["train", "valid"], "valid"),
        (["train"], "train"),
        (["all"], "all"),
    ],
)
def test_classes_are_those_of_the_test_split_or_the_last(tmp_path, splits, shown):
    report = {"class_names": ["a", "b"]}
    for number, split in enumerate(splits):
        report[split] = scored(["a", "b"], correct=100 * (number + 1))
    text = Parsed(written(tmp_path, report)).text
    assert f"Classes ({shown})" in text and f"Mistakes ({shown})" in text
    support = 100 * (splits.index(shown) + 1) + 5
    assert f"a 90.0% 80.0% 0.850 {support} b" in text


def test_a_report_without_the_optional_parts_works(tmp_path):
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"])}
    del report["test"]["mistakes"]
    text = Parsed(written(tmp_path, report)).text
    assert "5 of 100 pictures got a wrong answer." in text
    for absent in ("Left out", "Configuration", "How this was made", "Figures"):
        assert absent not in text


def test_a_report_without_a_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="one of the splits"):
        written(tmp_path, {"class_names": ["a", "b"]})


def test_names_are_escaped_everywhere(tmp_path):
    evil = '<b>glass</b>"&'
    names = [evil, "metal"]
    found = [mistake(f"{evil}.jpg", truth=evil), mistake("seen.jpg", truth=evil)]
    write_picture(tmp_path / "seen.jpg")
    report = {
        "class_names": names,
        "test": scored(names, mistakes=found),
        "bad_files": [evil],
        "config": {evil: {evil: evil}},
        "run": {evil: evil},
    }
    text = written(tmp_path, report, {evil: write_picture(tmp_path / "figure.png")})
    parsed = Parsed(text)
    assert "b" not in {tag for tag, _ in parsed.elements}
    assert [image["alt"] for image in parsed.all("img")] == [evil, f"{evil} taken for metal"]
    # Verdict, class, caption, 2 mistakes, 1 file of a mistake, left out, config 3, run 2.
    assert parsed.text.count(evil) == 12


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.9, "would be right for 50.0%; this model is 40.0 percentage points above it."),
        (0.52, "would be right for 50.0%; this model is not shown to be better than that."),
    ],
)
def test_verdict_compares_with_the_most_frequent_class(tmp_path, share, expected):
    split = scored(["a", "b"], accuracy=share, accuracy_interval=[share - 0.05, share + 0.05])
    text = Parsed(written(tmp_path, {"class_names": ["a", "b"], "test": split})).text
    assert f"Always answering “a”, the most frequent class, {expected}" in text


@pytest.mark.parametrize(("correct", "warned"), [(44, True), (45, False)])
def test_verdict_warns_of_fewer_than_100_pictures(tmp_path, correct, warned):
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], correct)}
    text = Parsed(written(tmp_path, report)).text
    warning = f"Only {correct + 55} pictures were scored, so the interval is wide"
    assert (warning in text) == warned


@pytest.mark.parametrize(
    ("accuracy", "place"),
    [
        (0.95, "below that interval."),
        (0.84, "inside that interval, so neither is shown to be better."),
        (0.70, "above that interval."),
    ],
)
def test_original_claim_is_compared_with_validation_pictures(tmp_path, full, accuracy, place):
    report, figures = full
    interval = [accuracy - 0.02, accuracy + 0.02]
    report["valid"] |= {"accuracy": accuracy, "accuracy_interval": interval}
    text = Parsed(written(tmp_path, report, figures)).text
    assert "claimed 84.15%, on validation pictures of TrashNet. Like with like" in text
    assert f"reaches {accuracy:.1%} on its validation pictures" in text
    assert f"the claim is {place}" in text


def test_original_claim_without_validation_pictures_is_told_as_such(tmp_path, full):
    report, figures = full
    del report["valid"]
    text = Parsed(written(tmp_path, report, figures)).text
    assert "Not quite like with like, this model reaches 98.3% on its test pictures" in text


@pytest.mark.parametrize("class_names", [ORIGINAL[:5], [*ORIGINAL, "other"]])
def test_original_claim_is_left_out_for_other_classes(tmp_path, class_names):
    report = {"class_names": class_names, "test": scored(class_names)}
    assert "84.15" not in written(tmp_path, report)


def test_mistakes_are_thumbnails_and_at_most_24(tmp_path):
    files = [f"glass/{i:02}.jpg" for i in range(30)]
    for i, file in enumerate(files):
        write_picture(tmp_path / file, (800, 400) if i else (30, 20))
    report = {
        "class_names": ["glass", "metal"],
        "test": scored(["glass", "metal"], 20, 30, mistakes=[mistake(file) for file in files]),
    }
    parsed = Parsed(written(tmp_path, report))
    thumbnails = [embedded(image["src"]) for image in parsed.all("img")]
    assert [thumbnail.size for thumbnail in thumbnails] == [(30, 20)] + [(160, 80)] * 23
    assert {thumbnail.format for thumbnail in thumbnails} == {"JPEG"}
    assert "30 of 100 pictures got a wrong answer." in parsed.text
    assert "The first 24 are shown." in parsed.text
    assert "glass → metal , 93% glass/23.jpg" in parsed.text
    assert "glass/24.jpg" not in parsed.text


@pytest.mark.parametrize(("probability", "shown"), [(0.994, "99%"), (0.9999, ">99%"), (0.5, "50%")])
def test_no_model_is_said_to_be_certain(tmp_path, probability, shown):
    split = scored(["a", "b"], mistakes=[mistake("x.jpg", probability=probability)])
    text = Parsed(written(tmp_path, {"class_names": ["a", "b"], "test": split})).text
    assert f"glass → metal , {shown} x.jpg" in text


def test_pictures_that_cannot_be_read_get_a_box(tmp_path):
    whole = write_picture(tmp_path / "whole.png", (300, 200)).read_bytes()
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    files = ["missing.jpg", "text.jpg", "cut.png", "empty.jpg", "whole.png"]
    report = {
        "class_names": ["a", "b"],
        "test": scored(["a", "b"], mistakes=[mistake(file) for file in files]),
    }
    parsed = Parsed(written(tmp_path, report))
    assert len(parsed.all("img")) == 1
    assert [box["class"] for box in parsed.all("div") if box.get("class") == "gone"] == ["gone"] * 4
    assert parsed.text.count("not readable") == 4
    assert all(file in parsed.text for file in files)


def test_a_decoder_that_breaks_in_an_unusual_way_costs_no_page(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise IndexError("somewhere in a decoder")

    write_picture(tmp_path / "a.jpg")
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", fail)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[mistake("a.jpg")])}
    assert "not readable" in written(tmp_path, report)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "a.png"), ("P", "a.gif"), ("RGBA", "a.webp"), ("CMYK", "a.jpg"), ("1", "a.bmp")],
)
def test_pictures_of_any_kind_become_thumbnails(tmp_path, mode, name):
    Image.new(mode, (320, 200)).save(tmp_path / name)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[mistake(name)])}
    image = Parsed(written(tmp_path, report)).all("img")[0]
    assert embedded(image["src"]).size == (160, 100)


def test_a_thumbnail_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (320, 200)).save(tmp_path / "a.jpg", exif=exif)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[mistake("a.jpg")])}
    image = Parsed(written(tmp_path, report)).all("img")[0]
    assert embedded(image["src"]).size == (100, 160)


def test_figures_are_embedded_as_they_are(tmp_path, full):
    report, figures = full
    image = Parsed(written(tmp_path, report, figures)).all("img")[0]
    content = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    assert content == figures["Curves & more"].read_bytes()
    assert (image["width"], image["height"]) == ("600", "400")


def test_huge_figures_are_made_smaller_so_that_the_page_stays_under_5_mb(tmp_path, full):
    report, _ = full
    noise = np.random.default_rng(0).integers(0, 256, (1100, 1100, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png", compress_level=1)
    figures = {"Noise": tmp_path / "noise.png", "More noise": tmp_path / "noise.png"}
    text = written(tmp_path, report, figures)
    assert len(text) < 5_000_000 < 2 * (tmp_path / "noise.png").stat().st_size
    for image in Parsed(text).all("img")[:2]:
        assert 300 < embedded(image["src"]).width < 1100
        assert image["width"] == "1100"


def test_files_left_out_are_counted_and_listed(tmp_path, full):
    report, figures = full
    report["bad_files"] = [f"glass/bad{i:03}.jpg" for i in range(203)]
    text = Parsed(written(tmp_path, report, figures)).text
    assert "203 files could not be decoded" in text
    assert "glass/bad199.jpg" in text and "glass/bad200.jpg" not in text
    assert "And 3 more." in text


def test_configuration_is_folded_and_the_run_tells_its_command_first(tmp_path, full):
    parsed = Parsed(written(tmp_path, *full))
    assert parsed.all("details") == [{}]
    assert "Configuration data batch_size 32 split_dir none seed 7 How this was made" in parsed.text
    end = "How this was made command train --seed=7 git revision unknown machine Linux"
    assert parsed.text.endswith(end)


def test_the_report_is_not_changed(tmp_path, full):
    report, figures = full
    before = copy.deepcopy(report)
    written(tmp_path, report, figures)
    assert report == before


def test_a_file_name_that_is_no_text_is_written_with_question_marks(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    report = {
        "class_names": ["a", "b"],
        "test": scored(["a", "b"], mistakes=[mistake(name)]),
    }
    assert "caf?.jpg" in written(tmp_path, report)


def test_failing_write_leaves_the_old_page_and_no_other_file(tmp_path, full, monkeypatch):
    report, figures = full
    old = written(tmp_path, report, figures)

    def fail(self, *args, **kwargs):
        self.write_bytes(b"<!doctype html><p>half a pa")
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_text", fail)
    report["test"]["macro_f1"] = 0.1
    with pytest.raises(OSError, match="disk full"):
        written(tmp_path, report, figures)
    monkeypatch.undo()
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == old
    assert os.listdir(tmp_path / "out") == ["report.html"]
