"""The report page: the images behind the confusions, and the top errors."""

import io
import os
import re

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from tests.support import report_parts
from tests.support.html_page import HtmlPage
from tests.support.report_parts import embedded, top_error
from trash_keras.reporting import confusion_cells, page_images
from trash_keras.reporting.plots.saliency_maps import HeatMaps


def test_a_cell_leads_to_its_images(written, scored, predicted, tmp_path):
    matrix = [[3, 2], [0, 15]]
    found = predicted(["a", "b"], matrix)
    report_parts.write_images(tmp_path, found)
    report = {"class_names": ["a", "b"], "test": found.score() | {"mistakes": []}}
    parsed = HtmlPage(written(report))
    links = [link for link in parsed.all("a") if "data-row" in link]
    assert [(link["href"], link["data-count"]) for link in links] == [
        ("#cell-0-0", "3"), ("#cell-0-1", "2"), ("#cell-1-1", "15")
    ]  # fmt: skip
    assert "2 40% of a, predicted b" in parsed.text
    thumbnails = [image for image in parsed.all("img") if "predicted" in image["alt"]]
    assert [image["alt"] for image in thumbnails] == (
        ["a predicted a"] * 3 + ["a predicted b"] * 2 + ["b predicted b"] * 12
    )
    # By their widths: right images of low confidence first, wrong ones of high confidence first.
    widths = [embedded(image["src"]).width - 20 for image in thumbnails]
    assert widths == [2, 1, 0, 3, 4, *range(19, 7, -1)]
    assert "12 are shown, the least confident predictions." in parsed.text
    assert (
        "a, predicted b: 2 images 40.0% of all a. The most confident predictions first."
        in parsed.text
    )


def test_many_classes_get_a_list_of_confusions(written, predicted):
    names = [f"class{i}" for i in range(confusion_cells.MATRIX_CLASSES + 1)]
    matrix = np.eye(len(names), dtype=int)
    matrix[3, 1], matrix[5, 2] = 2, 4
    report = {"class_names": names, "test": predicted(names, matrix).score()}
    parsed = HtmlPage(written(report))
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
    text = written({"class_names": names, "test": found.score()}, heat_maps=maps)
    assert text.count("The same with the evidence for") == (24 if explained else 0)
    shown = len([image for image in HtmlPage(text).all("img") if "predicted" in image["alt"]])
    assert 64 < shown < confusion_cells.IMAGES_OF_A_PAGE
    assert 3_000_000 < len(text) < 5_000_000


def test_24_errors_are_open_and_the_others_behind_show_all(written, predicted, tmp_path):
    found = predicted(["a", "b"], [[20, 30], [0, 50]])
    report_parts.write_images(tmp_path, found)
    text = written({"class_names": ["a", "b"], "test": found.score()})
    _, errors = text.split("<h2>Top errors")
    first, more = errors.split('<details class="more"><summary>Show all 30</summary>')
    more = more.split("</details>")[0]
    wrong = [path for path in found.paths if "/a-b-" in path]
    assert re.findall(r'<span class="file">(.*?)</span>', first) == wrong[:24]
    assert re.findall(r'<span class="file">(.*?)</span>', more) == wrong[24:]
    assert more.count("<img") == 6 and "predictions/test.csv" not in text


def test_of_very_many_errors_some_are_left_to_the_file(written, predicted, monkeypatch):
    monkeypatch.setattr(page_images, "ERRORS_LISTED", 28)
    found = predicted(["a", "b"], [[20, 30], [0, 50]])
    text = HtmlPage(written({"class_names": ["a", "b"], "test": found.score()})).text
    assert "The first 28 are shown; predictions/test.csv lists all." in text
    assert "Show all 28" in text


EQUAL = {"kind": "equal", "file": "metal/7.jpg", "class": "metal", "split": "train"}


def test_a_label_in_doubt_is_marked_with_the_reason(written, scored):
    predicted = {"kind": "predicted", "class": "paper", "probability": 0.91}
    similar = EQUAL | {"kind": "similar", "file": "metal/8.jpg", "split": "valid"}
    errors = [top_error("copy.jpg"), top_error("odd.jpg"), top_error("fine.jpg")]
    report = {
        "class_names": ["glass", "metal"],
        "test": scored(["glass", "metal"], 20, 30, mistakes=errors),
        "label_issues": {"copy.jpg": [EQUAL], "odd.jpg": [similar, predicted], "gone.jpg": [EQUAL]},
    }
    parsed = HtmlPage(written(report))
    assert (
        "copy.jpg Is the label right? Byte for byte metal/7.jpg, a training image of “metal”. "
        in parsed.text
    )
    assert (
        "odd.jpg Is the label right? Looks like metal/8.jpg, a validation image of “metal”. "
        "The audit finds “paper”, 91%." in parsed.text
    )
    assert parsed.text.count("Is the label right?") == 2
    assert "Of these, 2 have labels that are in doubt." in parsed.text


def test_only_files_whose_names_can_be_written_are_listed(written, scored):
    odd = os.fsdecode(b"caf\xe9.jpg")
    errors = [top_error(odd), top_error('=1+"x".jpg')]
    split = scored(["glass", "metal"], 45, 2, mistakes=errors)
    items = HtmlPage(written({"class_names": ["glass", "metal"], "test": split})).all("li")
    (item,) = (item for item in items if item.get("data-file", "").startswith("="))
    assert item == {
        "data-file": '=1+"x".jpg', "data-label": "glass", "data-prediction": "metal",
        "data-reason": "predicted metal, 93%",
    }  # fmt: skip
    assert not [item for item in items if "caf" in item.get("data-file", "")]


def test_top_errors_are_thumbnails(written, scored, tmp_path):
    files = [f"glass/{i:02}.jpg" for i in range(24)]
    for i, file in enumerate(files):
        report_parts.write_image(tmp_path / file, (800, 400) if i else (30, 20))
    report = {
        "class_names": ["glass", "metal"],
        "test": scored(["glass", "metal"], 26, 24, mistakes=[top_error(file) for file in files]),
    }
    parsed = HtmlPage(written(report, [[50, 0], [0, 50]]))
    sources = [image["src"] for image in parsed.all("img") if "taken for" in image["alt"]]
    thumbnails = [embedded(source) for source in sources]
    assert [thumbnail.size for thumbnail in thumbnails] == [(30, 20)] + [(320, 160)] * 23
    assert {thumbnail.format for thumbnail in thumbnails} == {"JPEG"}
    assert "glass → metal , 93% glass/23.jpg" in parsed.text


def test_top_errors_have_their_evidence_beside_them(written, full):
    heat_map = np.zeros((7, 7))
    heat_map[6, 3] = 1
    maps = HeatMaps("stretch", {"glass/a.jpg": heat_map, "of another split.jpg": heat_map})
    parsed = HtmlPage(written(full, heat_maps=maps))
    first, overlay, second = (
        image for image in parsed.all("img") if image["alt"].startswith(("glass taken", "The same"))
    )
    assert first["alt"] == second["alt"] == "glass taken for metal"
    assert overlay["alt"] == "The same with the evidence for metal: bottom"
    plain, evidence = (np.asarray(embedded(image["src"])).astype(int) for image in (first, overlay))
    assert plain.shape == evidence.shape
    assert evidence[220, 160].sum() > 1.5 * evidence[40, 40].sum(), "bright at the bottom alone"
    (ramp,) = [span for span in parsed.all("span") if span.get("class") == "ramp"]
    assert ramp["style"].count("rgb(") == 12
    assert "relative to the strongest of the image: none most" in parsed.text
    assert "Grad-CAM" not in HtmlPage(written(full)).text


@pytest.mark.parametrize(("probability", "shown"), [(0.994, "99%"), (0.9999, ">99%"), (0.5, "50%")])
def test_no_model_is_said_to_be_certain(written, scored, probability, shown):
    split = scored(["a", "b"], mistakes=[top_error("x.jpg", probability=probability)])
    text = HtmlPage(written({"class_names": ["a", "b"], "test": split})).text
    assert f"glass → metal , {shown} x.jpg" in text


def test_images_that_cannot_be_read_get_a_grey_rectangle(written, scored, tmp_path):
    whole = report_parts.write_image(tmp_path / "whole.png", (300, 200)).read_bytes()
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    files = ["missing.jpg", "text.jpg", "cut.png", "empty.jpg", "whole.png"]
    report = {
        "class_names": ["a", "b"],
        "test": scored(["a", "b"], 100, 0, mistakes=[top_error(file) for file in files]),
    }
    text = written(report)
    _, errors = text.split("<h2>Top errors")
    assert errors.count("<img") == 1
    assert errors.count('<div class="gone">not readable</div>') == 4
    assert all(file in errors for file in files)


def test_a_decoder_that_fails_in_an_unusual_way_does_not_prevent_the_page(
    written, scored, tmp_path, monkeypatch
):
    def fail(*args, **kwargs):
        raise IndexError("somewhere in a decoder")

    report_parts.write_image(tmp_path / "a.jpg")
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", fail)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[top_error("a.jpg")])}
    assert "not readable" in written(report)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("L", "a.png"), ("P", "a.gif"), ("RGBA", "a.webp"), ("CMYK", "a.jpg"), ("1", "a.bmp")],
)
def test_images_of_any_mode_become_thumbnails(written, scored, tmp_path, mode, name):
    Image.new(mode, (320, 200)).save(tmp_path / name)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[top_error(name)])}
    image = HtmlPage(written(report)).all("img")[-1]
    assert embedded(image["src"]).size == (320, 200)


def test_a_thumbnail_stands_upright(written, scored, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Image.new("RGB", (320, 200)).save(tmp_path / "a.jpg", exif=exif)
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"], mistakes=[top_error("a.jpg")])}
    image = HtmlPage(written(report)).all("img")[-1]
    assert embedded(image["src"]).size == (200, 320)
