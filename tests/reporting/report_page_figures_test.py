"""The report page: the numbers of each split, and the figures drawn of them."""

import re
import typing

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.support import report_parts
from tests.support.html_page import HtmlPage
from trash_keras.reporting import page_figures
from trash_keras.reporting.charts import Chart, Section

LEVELS = {"levels": [1, 2, 3, 4, 5], "accuracy": [0.9, 0.8, 0.7, 0.6, 0.5],
          "mean_accuracy": 0.7, "mean_macro_f1": 0.678}  # fmt: skip
ROBUSTNESS = {
    "examples": 120, "mean_accuracy": 0.71, "mean_macro_f1": 0.69,
    "clean": {"accuracy": 0.95, "macro_f1": 0.94},
    "kinds": {"blur": {**LEVELS, "meaning": "radius in pixels", "changed": 1.0},
              "background": {**LEVELS, "meaning": "share of it", "changed": 0.75}},
    "frames": {"3:4": {"accuracy": 0.93, "macro_f1": 0.921, "coverage": 0.82}},
}  # fmt: skip


def test_numbers_of_every_split_and_class_are_there(written, full, scored):
    full["test"] |= {"ece": 0.0321, "brier": 0.0432, "aurc": 0.00543}
    full["test"]["coverage_at_2_percent_error"] = 0.765
    full["test"]["loss"] = 0.1234
    text = HtmlPage(written(full)).text
    assert "98.3% of the test images" in text
    low, high = full["test"]["accuracy_interval"]
    interval = f"{low:.1%} to {high:.1%}"
    assert f"95% interval {interval} Macro-F1 0.983 Calibration error 0.032" in text
    assert "Coverage at 2% error 76.5% Images 300" in text
    assert f"test 300 98.3% {interval} 0.983 0.123 0.032 0.043 0.0054" in text
    assert "cardboard 100.0% 90.0% 0.947 50" in text and "train 300 99.7%" in text
    assert "cardboard 50 50 50 150 16.7%" in text


def test_calibration_and_abstention_are_shown_for_every_split(written, full):
    settings = {"temperature": 2.0, "threshold": 0.75, "set_threshold": 0.2, "tta": 1}
    for split, error in (("train", 0.01), ("valid", 0.02), ("test", None)):
        abstention = {"threshold": 0.75, "coverage": 0.9, "error": error, "error_interval": [0, 0]}
        sets = {"threshold": 0.2, "coverage": 0.95, "mean_size": 1.5}
        full[split] |= {"abstention": abstention, "conformal": sets, "ece_uncalibrated": 0.0987}
        full[split] |= {"ece": 0.0321, "brier": 0.0432, "brier_uncalibrated": 0.0876}
    full["test"]["abstention"]["coverage"] = 0
    parsed = HtmlPage(written(full | {"answering": settings}, epochs=report_parts.EPOCHS))
    assert "valid 0.099 0.032 0.088 0.043 90.0% 2.0% 95.0% 1.50" in parsed.text
    assert "test 0.099 0.032 0.088 0.043 0.0% \u2013 95.0% 1.50" in parsed.text
    assert "before calibration 0.099" in parsed.all("img")[1]["alt"]
    assert "own threshold" not in parsed.all("img")[2]["alt"]
    full["test"]["abstention"] = full["valid"]["abstention"]
    parsed = HtmlPage(written(full | {"answering": settings}, epochs=report_parts.EPOCHS))
    expected = "At the model's own threshold of 0.750 90.0% get one, of which 2.0% are wrong."
    assert expected in parsed.all("img")[2]["alt"]


def test_it_says_how_far_heat_maps_can_be_trusted(written, full, explanations):
    parsed = HtmlPage(written({**full, "explanations": explanations}))
    assert "Heat maps (test)" in parsed.text
    assert "maps are not shown to be better than random ones" in parsed.text
    assert "#saliency" in [link["href"] for link in parsed.all("a")]
    (figure,) = [image for image in parsed.all("img") if "blurred" in image["alt"]]
    assert figure["src"].startswith("data:image/svg+xml")
    assert "Area for Grad-CAM: deletion 0.500, insertion 0.500." in figure["alt"]


def test_it_shows_out_of_distribution_detection(written, full, ood_report):
    parsed = HtmlPage(written({**full, "out_of_scope": ood_report}))
    assert "Of 4 out-of-distribution (OOD) images 75.0% are unsure" in parsed.text
    assert "cosine to neighbour 10 among" in parsed.text
    assert "#ood" in [link["href"] for link in parsed.all("a")]
    (figure,) = [image for image in parsed.all("img") if "out-of-distribution" in image["alt"]]
    assert figure["src"].startswith("data:image/svg+xml")
    area = ood_report["scores"]["novelty"]["auroc"]
    assert f"75.0% of which are unsure. AUROC: confidence {area:.3f}" in figure["alt"]
    assert "ut-of-distribution" not in HtmlPage(written(full)).text


def test_figures_are_vectors_and_pixels_when_vectors_are_too_many(written, full, monkeypatch):
    figures = HtmlPage(written(full, epochs=report_parts.EPOCHS)).all("img")[:3]
    assert all(figure["src"].startswith("data:image/svg+xml;base64,") for figure in figures)
    monkeypatch.setattr(page_figures, "FIGURE_BYTES", 1000)
    figures = HtmlPage(written(full, epochs=report_parts.EPOCHS)).all("img")[:3]
    assert [figure["class"] for figure in figures] == ["pixels"] * 3
    pixels = report_parts.embedded(figures[0]["src"])
    assert pixels.width == pytest.approx(2.5 * int(figures[0]["width"]), abs=2)


def test_a_training_of_thousands_of_epochs_fits(written, full):
    generator = np.random.default_rng(0)
    epochs = [
        {"phase": "head", "epoch": epoch, **{
            name: generator.random() for name in ("loss", "accuracy", "val_loss", "val_accuracy")
        }}
        for epoch in range(20_000)
    ]  # fmt: skip
    assert len(written(full, epochs=epochs)) < 1_500_000


def test_robustness_is_shown_with_what_its_severities_are(written, full):
    assert 'id="robustness"' not in written(full)
    full["robustness"] = ROBUSTNESS
    parsed = HtmlPage(written(full))
    assert "#robustness" in {link["href"] for link in parsed.all("a")}
    assert "71.0% are classified correctly" in parsed.text and "95.0%" in parsed.text
    row = "blur 90.0% 80.0% 70.0% 60.0% 50.0% 70.0% 0.678 radius in pixels: 1, 2, 3, 4, 5"
    assert row in parsed.text
    assert "background: 75.0% of the images change" in parsed.text
    assert "blur: " not in parsed.text
    assert "3:4 93.0% 0.921 82.0%" in parsed.text
    (alternative,) = [image["alt"] for image in parsed.all("img") if "blur" in image["alt"]]
    assert "is 95.0%" in alternative and "blur 70.0%, background 70.0%" in alternative


@pytest.mark.parametrize(
    ("place", "heading", "linked"),
    [((), "More figures", True), (("confidence",), "Confidence (test)", False)],
    ids=["without a section", "in a section"],
)
def test_a_new_figure_is_shown_without_a_change_of_the_template(
    written, full, place, heading, linked
):
    page = written(full, charts={"new": Chart("New", "A new one", Figure(figsize=(1, 1)), *place)})
    before, after = page.split("<figcaption>New</figcaption>")
    assert re.findall("<h2>(.*?)</h2>", before)[-1] == heading
    assert 'alt="A new one"' in after
    assert ("#more" in {link["href"] for link in HtmlPage(page).all("a")}) == linked


def test_no_figure_is_left_out(written, full, explanations, ood_report):
    report = {**full, "explanations": explanations, "out_of_scope": ood_report}
    report["robustness"] = ROBUSTNESS
    charts = {
        section: Chart(f"Figure of {section}", "What it shows", Figure(figsize=(1, 1)), section)
        for section in typing.get_args(Section)
    }
    text = HtmlPage(written(report, charts=charts)).text
    assert all(text.count(chart.title) == 1 for chart in charts.values())
