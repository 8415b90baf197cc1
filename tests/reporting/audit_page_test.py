import base64
import copy
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from tests.support.html_page import HtmlPage
from trash_keras.data import corrections
from trash_keras.data.audit import suggestions
from trash_keras.data.groups import load_groups
from trash_keras.reporting import audit_page


def place(file, split="train"):
    return {"file": file, "class": file.split("/")[0], "split": split}


def pair(first, second, **more):
    return {
        "files": [place(first), place(second, "test")], "across_splits": True,
        "across_classes": False, "correlation": 0.912, "orientation": "turned by 180°",
        "hash_distance": 4, "feature_similarity": 0.95, **more,
    }  # fmt: skip


@pytest.fixture
def findings():
    equal = {"files": [place("a/1.png"), place("b/1.png")], "across_splits": False,
             "across_classes": True}  # fmt: skip
    value = {"value": 3.0, "median": 9.0, "score": -4.25}
    issue = {"suggestion": "b", "probability_of_label": 0.012, "probability_of_suggestion": 0.98}
    return {
        "summary": {
            "files": 9, "unreadable": 1, "wrong_extensions": 1, "exact_duplicates": 1,
            "near_duplicates": 1, "duplicates_across_classes": 1, "duplicates_across_splits": 1,
            "groups": 2, "outliers": 1, "doubtful_labels": 1,
        },
        "counts": {"train": {"a": 4, "b": 2}, "test": {"a": 2, "b": 1}},
        "unreadable": [{**place("a/bad.jpg"), "reason": "an empty file"}],
        "wrong_extensions": [{**place("a/png.jpg"), "content": "PNG"}],
        "exact_duplicates": [equal],
        "near_duplicates": [pair("a/2.png", "a/3.png")],
        "groups": [["a/1.png", "b/1.png"], ["a/2.png", "a/3.png"]],
        "outliers": {"size": [{**place("b/2.png"), **value}], "aspect": [], "brightness": [],
                     "contrast": []},
        "doubtful_labels": {"accuracy": 0.875, "found": [{**place("a/1.png"), **issue}]},
        "evidence": {name: f"Evidence of {name}." for name in
                     ("exact_duplicates", "near_duplicates", "outliers", "doubtful_labels")},
    }  # fmt: skip


@pytest.fixture
def images(tmp_path):
    for file in ("a/1.png", "b/1.png", "a/2.png", "a/3.png", "b/2.png"):
        (tmp_path / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (200, 10, 10)).save(tmp_path / "data" / file)
    return tmp_path / "data"


def render(findings, data_dir, tmp_path):
    audit_page.write_page(tmp_path / "audit.html", {"run": {}, **findings}, data_dir)
    return (tmp_path / "audit.html").read_text()


def test_everything_that_was_found_is_on_the_page(findings, images, tmp_path):
    page = render(findings, images, tmp_path)
    text = HtmlPage(page).text
    for words in (
        "a/bad.jpg train an empty file", "a/png.jpg train PNG", "Evidence of near_duplicates.",
        "0.912 , second turned by 180°; 4 bits, cosine 0.95", "a/2.png train a/3.png test",
        "a → b? 98% against 1.2%", "right for 87.5% of the images", "Size: 1", "-4.2 deviations",
        "a 4 2 6 66.7%", "b 2 1 3 33.3%", "across classes", "across splits",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("not shown") == 0
    sources = re.findall(r'<img src="data:image/jpeg;base64,([^"]*)"', page)
    assert len(sources) == 1 + 2 + 1 + 1
    for source in sources:
        assert Image.open(io.BytesIO(base64.b64decode(source))).size == (40, 30)


def test_nothing_is_loaded_from_elsewhere(findings, images, tmp_path):
    page = render(findings, images, tmp_path)
    assert "default-src 'none'" in page and "prefers-color-scheme: dark" in page
    assert 'name="viewport" content="width=device-width' in page
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_names_are_escaped(findings, images, tmp_path):
    findings["unreadable"][0]["file"] = "<script>alert(1)</script>"
    page = render(findings, images, tmp_path)
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_a_clean_folder_has_a_page_too(findings, images, tmp_path):
    clean = copy.deepcopy(findings)
    clean["summary"] = {**dict.fromkeys(clean["summary"], 0), "files": 6, "doubtful_labels": None}
    clean["counts"] = {"all": {"a": 6}}
    for name in ("unreadable", "wrong_extensions", "exact_duplicates", "near_duplicates", "groups"):
        clean[name] = []
    clean["outliers"] = {name: [] for name in clean["outliers"]}
    clean["doubtful_labels"] = None
    text = HtmlPage(render(clean, images, tmp_path)).text
    assert "There are no duplicates." in text and "it is not known whether they leak" in text
    assert text.count("None were found.") == 3 and "Every file can be read" in text
    assert "needs features of a backbone" in text


def test_long_lists_are_cut_and_the_page_stays_small(findings, tmp_path, monkeypatch):
    monkeypatch.setattr(audit_page, "THUMBNAIL_BYTES", 200_000)
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    (tmp_path / "data/a").mkdir(parents=True)
    for number in range(30):
        Image.fromarray(noise).save(tmp_path / f"data/a/{number}.png")
    many = [pair(f"a/{n % 30}.png", f"a/{(n + 1) % 30}.png") for n in range(500)]
    findings["near_duplicates"] = many
    findings["summary"]["near_duplicates"] = 500
    page = render(findings, tmp_path / "data", tmp_path)
    assert f"The first {audit_page.NEAR_SHOWN} are shown; audit.json lists all 500." in page
    assert 150_000 < len(page) < 350_000
    assert "not shown" in page


def test_write_makes_page_findings_and_groups(findings, images, tmp_path):
    output, groups = tmp_path / "out", tmp_path / "groups.json"
    audit_page.write(findings, output, images, "the command", groups)
    assert {path.name for path in output.iterdir()} == {"audit.html", "audit.csv", "audit.json"}
    assert corrections.read(output / "audit.csv") == suggestions.suggest(findings)
    written = json.loads((output / "audit.json").read_text())
    assert written["near_duplicates"] == findings["near_duplicates"]
    assert written["run"]["command"] == "the command"
    assert "the command" in HtmlPage((output / "audit.html").read_text()).text
    assert load_groups(groups) == [("a/1.png", "b/1.png"), ("a/2.png", "a/3.png")]
    assert "near_duplicates" in json.loads(groups.read_text())["evidence"]


def test_pairs_that_cross_come_first(findings, images, tmp_path):
    harmless = pair("a/2.png", "b/2.png", across_splits=False, correlation=0.999)
    findings["near_duplicates"] = [harmless, *findings["near_duplicates"]]
    page = render(findings, images, tmp_path)
    assert page.index("0.912") < page.index("0.999")


def test_the_page_begins_with_what_there_is_to_correct(findings, images, tmp_path):
    expected = (
        "1 file that cannot be read, 1 file under two labels, 1 near-duplicate across splits, "
        "1 label to check"
    )
    assert audit_page.headline(findings) == expected
    text = HtmlPage(render(findings, images, tmp_path)).text
    assert text.index(expected) < text.index("in 9 images of 2 classes") < text.index("Unreadable")
    assert "lists 4 images: 2 to drop, the rest to look at." in text


def test_the_counts_of_what_to_correct_are_those_of_the_findings(findings):
    findings["unreadable"], findings["summary"]["unreadable"] = [], 0
    findings["exact_duplicates"] *= 3
    findings["near_duplicates"] = 2 * [pair("a/2.png", "b/2.png", across_classes=True)]
    findings["summary"] |= {"duplicates_across_splits": 20, "doubtful_labels": 71}
    assert audit_page.headline(findings) == (
        "3 files under two labels, 2 near-duplicates under two labels, "
        "20 near-duplicates across splits, 71 labels to check"
    )
    nothing = {"exact_duplicates": [], "near_duplicates": [], "counts": {"all": {}}}
    nothing["summary"] = {**dict.fromkeys(findings["summary"], 0), "doubtful_labels": None}
    assert audit_page.headline(nothing) == "Nothing to correct was found"
    nothing["summary"]["near_duplicates"] = 4
    assert audit_page.headline(nothing) == "4 near-duplicates"


def test_of_several_sources_there_is_no_list(findings, images, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    findings = json.loads(re.sub('"file": "', '"file": "one/', json.dumps(findings)))
    audit_page.write(findings, tmp_path / "out", f"one={images},two={other}", "the command")
    assert not (tmp_path / "out/audit.csv").exists()
    assert (
        "data-file"
        not in (tmp_path / "out/audit.html").read_text().split("</style>")[1].split("<script>")[0]
    )


@pytest.mark.slow
def test_what_a_reader_ticks_is_saved_as_a_list(make_browser, findings, images, tmp_path):
    found = findings["doubtful_labels"]["found"][0]
    odd = """b/<i>"1",=x.png"""
    findings["doubtful_labels"]["found"].append({**found, **place(odd), "suggestion": "a"})
    browser = make_browser("--window-size=390,900")
    render(findings, images, tmp_path)
    browser.get(f"file://{tmp_path}/audit.html")
    browser.execute_script(
        "URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; });"
        " return '#'; };"
    )
    bar = browser.find_element("css selector", "#corrections")
    assert not bar.is_displayed()
    for file, chosen in (("a/bad.jpg", ""), ("a/1.png", "b"), (odd, "a")):
        field = next(
            one
            for one in browser.find_elements("css selector", "[data-file]")
            if one.get_attribute("data-file") == file
        )
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
        field.find_element("css selector", "input").click()
        assert field.find_element("css selector", "select").get_attribute("value") == chosen
    # The image of two findings is ticked beside both.
    ticked = browser.find_elements("css selector", "[data-file='a/1.png'] input:checked")
    assert len(ticked) == 2 and "3 corrections" in bar.text
    bar.find_element("css selector", "[data-save]").click()
    text = browser.execute_async_script(
        "const done = arguments[0]; (function look() { window.saved ? done(window.saved) :"
        " setTimeout(look, 20); })();"
    )
    (tmp_path / "corrections.csv").write_text(text)
    saved = corrections.read(tmp_path / "corrections.csv")
    assert [(one.file, one.label, one.action, one.new_label) for one in saved] == [
        ("a/bad.jpg", "a", "drop", ""),
        ("a/1.png", "a", "relabel", "b"),
        (odd, "b", "relabel", "a"),
    ]
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= browser.execute_script("return window.innerWidth")
    bar.find_element("css selector", "[data-clear]").click()
    assert not bar.is_displayed()
