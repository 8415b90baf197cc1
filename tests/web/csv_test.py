"""Predictions saved as a CSV file."""

import csv
import io

import pytest

from tests.support import pages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(make_browser):
    return make_browser()


def test_what_is_shown_is_saved(browser, serve, float32_file, photographs, tmp_path):
    behaviour = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
    odd = tmp_path / '=HYPERLINK("x"), ü.jpg'
    odd.write_bytes(photographs[0].read_bytes())
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    pages.open_page(browser, serve(float32_file))
    pages.upload(browser, [*photographs[:2], odd, broken])
    pages.part(browser, "save").click()
    saved = tmp_path / "predictions.csv"
    pages.wait(browser, saved.exists)
    text = saved.read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    names = [*(file.name for file in photographs[:2]), f"'{odd.name}", broken.name]
    assert [row["file"] for row in rows] == names
    for row, card in zip(rows[:3], pages.cards(browser), strict=False):
        assert row["label"] == card.get_attribute("data-label")
        assert row["answer"] == card.get_attribute("data-words") and row["error"] == ""
        shown = pages.probabilities(card)
        found = {name: float(row[name]) for name in shown}
        assert found == pytest.approx(shown, rel=1e-5)
    assert "not a JPEG" in rows[3]["error"] and rows[3]["label"] == rows[3]["glass"] == ""
    assert pages.complaints(browser) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("=1+1.jpg", "'=1+1.jpg"),
        ("+49.jpg", "'+49.jpg"),
        ("-2.jpg", "'-2.jpg"),
        ("@sum.jpg", "'@sum.jpg"),
        (" =1.jpg", "' =1.jpg"),
        ("\t=1.jpg", "'\t=1.jpg"),
        ("\r\n=1", "'\r\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ('a"b,c\nd=1.jpg', 'a"b,c\nd=1.jpg'),
        ("can-2.jpg", "can-2.jpg"),
        ("", ""),
    ],
)
def test_no_name_is_a_formula(browser, serve, float32_file, name, expected):
    browser.get(serve(float32_file))
    script = """
    const [name, done] = arguments;
    import("./csv.js").then(({ csvOf }) => done(csvOf([{ name, error: name }], [name])));
    """
    text = browser.execute_async_script(script, name)
    header, row = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert header == ["file", "label", "answer", "error", expected]
    assert row == [expected, "", "", expected, ""]
