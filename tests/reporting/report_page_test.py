"""The report page as a whole: frame, order, escaping, writing."""

import base64
import copy
import hashlib
import os
import re
from pathlib import Path

import pytest

from tests.support import report_parts
from tests.support.html_page import HtmlPage
from tests.support.report_parts import top_error
from trash_keras.reporting import report_page
from trash_keras.reporting.content import ReportContent


def test_page_is_whole_well_formed_and_self_contained(written, full):
    text = written(full, epochs=report_parts.EPOCHS, model_files=report_parts.MODEL_FILES)
    parsed = HtmlPage(text)
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
    parsed = HtmlPage(written(full))
    (script,) = parsed.texts["script"]
    assert parsed.all("script") == [{}]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = [meta["content"] for meta in parsed.all("meta") if "http-equiv" in meta]
    assert policy == [
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    ]


def test_every_image_says_what_it_is(written, full):
    images = HtmlPage(written(full, epochs=report_parts.EPOCHS)).all("img")
    curves, reliability, risk, *errors = [image["alt"] for image in images]
    assert curves.startswith("Accuracy and loss over 3 epochs. Validation accuracy is best after")
    assert "epoch 3 with 62.0%" in curves
    assert "the expected calibration error is" in reliability and "most confident" in risk
    assert errors == ["glass taken for metal"] * 2


def test_sections_come_in_order(written, full):
    text = written(full, epochs=report_parts.EPOCHS, model_files=report_parts.MODEL_FILES)
    parsed = HtmlPage(text)
    assert re.findall(r"<(?:h1|h2|summary)>(.*?)<", text) == [
        "Classifier report", "Splits", "Training", "Confusions (test)", "Classes (test)",
        "Confidence (test)", "Top errors (test)", "Data", "Model files", "How to reproduce it",
        "Configuration",
    ]  # fmt: skip
    targets = [link["href"][1:] for link in parsed.all("a")]
    identifiers = {attributes.get("id") for _, attributes in parsed.elements}
    assert set(targets) <= identifiers


def test_tables_scroll_inside_their_own_container(written, full):
    elements = HtmlPage(written(full, model_files=report_parts.MODEL_FILES)).elements
    before = [elements[i - 1] for i, (tag, _) in enumerate(elements) if tag == "table"]
    assert len(before) == 5
    assert all(tag == "div" and "scroll" in element["class"].split() for tag, element in before)


@pytest.mark.parametrize(
    ("splits", "shown"),
    [(["train", "valid", "test"], "test"), (["train", "valid"], "valid"), (["all"], "all")],
)
def test_sections_are_those_of_the_test_split_or_the_last(written, scored, splits, shown):
    report = {"class_names": ["a", "b"]}
    for number, split in enumerate(splits):
        report[split] = scored(["a", "b"], correct=100 * (number + 1))
    text = HtmlPage(written(report)).text
    for section in ("Confusions", "Classes", "Confidence", "Top errors"):
        assert f"{section} ({shown})" in text
    support = 100 * (splits.index(shown) + 1) + 5
    assert f"{support} b 90.9%" in text


def test_a_report_without_the_optional_parts_works(written, scored):
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"])}
    del report["test"]["mistakes"]
    text = HtmlPage(written(report)).text
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
    found = [top_error(f"{evil}.jpg", truth=evil), top_error("seen.jpg", truth=evil)]
    report_parts.write_image(tmp_path / "seen.jpg")
    report = {
        "class_names": names,
        "test": scored(names, mistakes=found),
        "bad_files": [evil],
        "config": {evil: {evil: evil}},
        "run": {evil: evil, "command": evil, "data_source": evil},
    }
    parsed = HtmlPage(written(report))
    assert "b" not in {tag for tag, _ in parsed.elements}
    assert parsed.all("img")[-1]["alt"] == f"{evil} taken for metal"
    assert parsed.text.count(evil) > 20


def test_the_report_is_not_changed(written, full):
    before = copy.deepcopy(full)
    written(full)
    assert full == before


def test_a_file_name_that_is_not_utf_8_is_written_with_an_escape(written, scored):
    name = os.fsdecode(b"caf\xe9.jpg")
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[top_error(name)])}
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
