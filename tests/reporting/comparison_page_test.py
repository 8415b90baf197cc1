import html
import json
import re

import pytest

from tests.support.html_page import HtmlPage
from trash_keras.reporting import comparison_page


def run(name, accuracy=None, **more):
    known = {"missing": "there is no report.json, so the run is not finished."}
    if accuracy is not None:
        interval = [accuracy - 0.05, min(accuracy + 0.05, 1.0)]
        known = {"accuracy": accuracy, "accuracy_interval": interval, "macro_f1": 0.8765,
                 "examples": 200}  # fmt: skip
    return {"name": name, "folder": f"runs/{name}", "training_minutes": None, "model_bytes": None,
            "exports": {}, "class_names": ["a", "b"], **known, **more}  # fmt: skip


def pair(first, second, p_value, adjusted=None):
    return {"runs": [first, second], "images": 200, "only_first": 3, "only_second": 12,
            "p_value": p_value, "adjusted_p_value": adjusted or p_value}  # fmt: skip


def compared(**changes):
    exports = {"float32": 9_960_000, "saved_model": 20_000_000}
    new = run("new", 0.9, training_minutes=2.52, model_bytes=12_340_000, exports=exports)
    return {
        "split": "test",
        "runs": [run("old", 0.8), new],
        "settings": {"warmup_ratio": [0.1, None]},
        "tests": [pair("old", "new", 0.0352)],
        **changes,
    }


def test_text_has_every_figure_in_its_row():
    text = comparison_page.text(compared())
    assert re.search(r"^old +80\.0% +75\.0% to 85\.0% +0\.876 +200 +- +- +-$", text, re.M)
    assert re.search(r"^new .* 2\.5 +12\.3 MB +float32 10\.0 MB, saved_model 20\.0 MB$", text, re.M)
    assert re.search(r"^warmup_ratio +0\.1 +-$", text, re.M)


def test_columns_are_as_wide_as_their_widest_cell():
    table = comparison_page.text(compared()).split("\n\n")[0].splitlines()
    assert len({line.index("95% interval") + 12 for line in table[:1]} | {
        line.index(" to ") + 9 for line in table[1:]}) == 1  # fmt: skip


def test_a_difference_is_shown_with_its_numbers():
    assert comparison_page.difference_sentences(compared()) == [
        "old and new: of 200 images, 3 are right in old alone and 12 in new alone; p = 0.035: "
        "a difference is shown."
    ]
    assert comparison_page.verdict(compared())[0] == (
        "new has 90.0% right; it is shown to be better than old."
    )


@pytest.mark.parametrize(
    ("adjusted", "shown"), [(0.0499, "a difference is shown."), (0.05, "no difference is shown.")]
)
def test_several_tests_are_judged_by_the_adjusted_value(adjusted, shown):
    tests = [pair("old", "new", 0.03, adjusted), pair("old", "third", 0.00001)]
    runs = [run("old", 0.8), run("new", 0.9), run("third", 0.7)]
    comparison = compared(runs=runs, tests=tests)
    first, second = comparison_page.difference_sentences(comparison)
    assert first.endswith(f"p = 0.03, adjusted p = {adjusted:.2g}: {shown}")
    assert "; p below 0.0001, adjusted p below 0.0001: a difference is shown." in second
    assert any("2 comparisons, p-values adjusted by Holm" in line
               for line in comparison_page.verdict(comparison))  # fmt: skip


def test_one_test_is_not_called_adjusted():
    assert "Holm" not in comparison_page.text(compared())


def test_no_difference_shown_is_said_of_the_best():
    verdict = comparison_page.verdict(compared(tests=[pair("old", "new", 0.4)]))
    assert verdict[0] == "new has 90.0% right; it is not shown to be better than old."


REASON = {"reason": "they were scored on other images."}


@pytest.mark.parametrize(
    ("tests", "winner", "says"),
    [
        (["old better", "third better"], "new", "; it is shown to be better than old, third."),
        (
            ["old better", "third equal"],
            "No winner",
            "old; it is not shown to be better than third.",
        ),
        (["old equal", "third equal"], "No winner", "not shown to be better than old, third."),
        (["old better", "third untested"], "No winner", "old; it is not tested against third."),
        (["old untested", "third untested"], "Not comparable", "not tested against old, third."),
    ],
)
def test_only_a_test_makes_a_winner(tmp_path, tests, winner, says):
    made = {"better": {"p_value": 0.001, "adjusted_p_value": 0.002}, "untested": REASON,
            "equal": {"p_value": 0.03, "adjusted_p_value": 0.06}}  # fmt: skip
    pairs = [dict(zip(("other", "kind"), test.split(), strict=True)) for test in tests]
    counts = {"images": 200, "only_first": 3, "only_second": 12}
    found = [{"runs": [each["other"], "new"], **counts, **made[each["kind"]]} for each in pairs]
    runs = [run("old", 0.8), run("new", 0.9), run("third", 0.85)]
    comparison = compared(runs=runs, tests=found)
    assert comparison_page.headline(comparison) == winner
    comparison_page.write(comparison, tmp_path)
    page = HtmlPage((tmp_path / "comparison.html").read_text())
    assert f"{winner} new has 90.0% right" in page.text and page.text.count(says) == 1
    highlighted = [row for row in page.all("tr") if row.get("class") == "shown"]
    assert len(highlighted) == (winner == "new"), "no row stands out where no run is better"


def test_the_only_run_with_figures_is_no_winner():
    tests = [{"runs": ["old", "new"], "reason": "new: there is no report.json."}]
    comparison = compared(runs=[run("old", 0.8), run("new")], tests=tests)
    assert comparison_page.headline(comparison) == "80.0%"
    assert "old has 80.0% right." in comparison_page.verdict(comparison)


def test_what_is_missing_is_a_dash_and_a_sentence():
    reason = "new: there is no report.json, so the run is not finished."
    comparison = compared(
        runs=[run("old", 0.8), run("new")], tests=[{"runs": ["old", "new"], "reason": reason}]
    )
    text = comparison_page.text(comparison)
    assert re.search(r"^new( +-){7}$", text, re.M)
    assert f"old and new are not tested: {reason}" in text
    assert "new has no figures: there is no report.json" in text
    assert "McNemar" not in text


@pytest.mark.parametrize(("split", "warned"), [("test", True), ("valid", False)])
def test_choosing_on_the_test_split_is_warned_of(split, warned):
    assert ("validation split" in comparison_page.text(compared(split=split))) == warned


def test_the_folder_has_page_figure_and_numbers(tmp_path):
    runs = [run("old", 0.8), run("<b>new</b>", 0.9), run("third")]
    comparison = compared(runs=runs, tests=[pair("old", "<b>new</b>", 0.0352)])
    comparison_page.write(comparison, tmp_path / "out")
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert written == {
        "comparison.html", "comparison.json", "figures/accuracies.png", "figures/accuracies.pdf",
        "figures/accuracies.svg",
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == comparison
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<b>new</b>" not in page and page.count("&lt;b&gt;new&lt;/b&gt;") >= 3
    # Vectors follow the light or dark mode of the reader.
    sources = re.findall(r'(?:src|href)="(.{18})', page)
    assert sources == ["data:image/svg+xml"]
    assert '<tr class="shown"><th scope="row">&lt;b&gt;new' in page
    for sentence in comparison_page.difference_sentences(comparison):
        assert html.escape(sentence) in page


def test_a_page_without_different_settings_says_so(tmp_path):
    comparison_page.write(compared(settings={}), tmp_path)
    assert "None, as far as they are recorded." in (tmp_path / "comparison.html").read_text()


@pytest.mark.parametrize(
    ("interval", "shown", "better"),
    [
        ([-0.021, -0.004], "a difference is shown.", "right; it is shown to be better than new."),
        ([-0.021, 0.004], "no difference is shown.", "it is not shown to be better than new."),
    ],
)
def test_a_difference_of_cross_validations_has_an_interval(interval, shown, better):
    test = {"runs": ["old", "new"], "images": 2527, "difference": -0.0125,
            "difference_interval": interval}  # fmt: skip
    comparison = compared(runs=[run("old", 0.91), run("new", 0.9)], tests=[test])
    assert comparison_page.difference_sentences(comparison) == [
        "new less old: of 2527 images, -1.25 percentage points are right "
        f"(95% interval -2.10 to {100 * interval[1]:+.2f}): {shown}"
    ]
    first, method = comparison_page.verdict(comparison)
    assert first.endswith(better) and "paired bootstrap" in method
    assert "validation split" not in method
