"""The report of a real run in a real browser."""

import csv
import functools
import json
import shutil

import numpy as np
import pytest

from tests.support import axe, report_parts
from tests.support.report_parts import top_error
from trash_keras.storage import local

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(trained, explanations, tmp_path_factory):
    """The page of the toy run, one prediction of each class made wrong, and its predictions."""
    from trash_keras.data.readers.base import FolderReader, read_images
    from trash_keras.evaluation import explain
    from trash_keras.metrics.predictions import Predictions
    from trash_keras.reporting.report import rerender

    workdir, data, _ = trained
    run = tmp_path_factory.mktemp("browser") / "run"
    shutil.copytree(workdir, run)
    found = Predictions.load(run / "predictions" / "test.csv")
    chosen = [int(np.flatnonzero(found.labels == label)[0]) for label in range(3)]
    found.probabilities[chosen] = found.probabilities[chosen][:, [1, 2, 0]]
    found.save(run / "predictions" / "test.csv")
    report = json.loads((run / "report.json").read_text())
    report["test"]["mistakes"] = found.score()["mistakes"]
    local.write_text(run / "report.json", json.dumps(report | {"explanations": explanations}))
    read = functools.partial(read_images, FolderReader(data))
    maps = explain.explain_errors(explain.find(run / "model.keras"), found, read)
    maps.save(run / "predictions" / "heat_maps.json")
    rerender(run, read)
    return (run / "report.html").as_uri(), found


@pytest.fixture(scope="module")
def browser(make_browser):
    return make_browser()


def opened(browser):
    """The heading of the open cell, and how many of its images are seen, all drawn."""
    panels = [p for p in browser.find_elements("css selector", ".cell") if p.is_displayed()]
    if not panels:
        return None, []
    (panel,) = panels
    names = [name.text for name in panel.find_elements("css selector", ".file")]
    for image in panel.find_elements("css selector", "img"):
        assert browser.execute_script("return arguments[0].decode().then(() => true)", image)
        assert image.size["width"] > 50
    return panel.find_element("css selector", "h3").text, names


def cell(browser, truth, prediction):
    return browser.find_element(
        "css selector", f'a[data-row="{truth}"][data-column="{prediction}"]'
    )


def files_of(found, truth, prediction):
    guess = found.probabilities.argmax(axis=1)
    return {
        path
        for path, label, given in zip(found.paths, found.labels, guess, strict=True)
        if (label, given) == (truth, prediction)
    }


def cells_of(found):
    return sorted(set(zip(found.labels.tolist(), found.probabilities.argmax(axis=1).tolist(),
                          strict=True)))  # fmt: skip


def test_a_click_shows_the_images_behind_each_cell(browser, page):
    address, found = page
    axe.show(browser, 1280)
    browser.get(address)
    places = cells_of(found)
    assert len(places) >= 4
    heading, names = opened(browser)
    assert heading and names, "the page opens with the most frequent confusion"
    for truth, prediction in places:
        link = cell(browser, truth, prediction)
        if link.get_attribute("aria-expanded") == "true":
            link.click()
            assert opened(browser) == (None, [])
        link.click()
        heading, names = opened(browser)
        truth_name, prediction_name = found.class_names[truth], found.class_names[prediction]
        assert heading.startswith(f"{truth_name}, predicted {prediction_name}: {len(names)} image")
        assert set(names) == files_of(found, truth, prediction)
        assert link.get_attribute("aria-expanded") == "true"
    assert browser.get_log("browser") == []


def test_the_keyboard_does_what_the_mouse_does(browser, page):
    from selenium.webdriver.common.keys import Keys

    address, found = page
    axe.show(browser, 1280)
    browser.get(f"{address}#cell-1-1")
    assert [place for place in cells_of(found) if place[0] == 0] == [(0, 0), (0, 2)]
    browser.execute_script("arguments[0].focus()", cell(browser, 0, 0))
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    focused = browser.switch_to.active_element
    assert focused == cell(browser, 0, 2)
    for key in (Keys.SPACE, Keys.ENTER):
        focused.send_keys(key)
        heading, names = opened(browser)
        assert set(names) == files_of(found, 0, 2)
        assert browser.find_element("id", "status").get_attribute("textContent") == heading
        focused.send_keys(Keys.ESCAPE)
        assert opened(browser) == (None, [])
        assert browser.switch_to.active_element == focused
    focused.send_keys(Keys.ARROW_LEFT)
    assert browser.switch_to.active_element == cell(browser, 0, 0)
    assert browser.get_log("browser") == []


def test_without_script_a_cell_is_a_link_to_its_images(make_browser, page):
    address, found = page
    browser = make_browser(with_script=False)
    browser.get(address)
    assert opened(browser) == (None, [])
    link = cell(browser, 1, 1)
    assert link.get_attribute("role") is None
    link.click()
    assert set(opened(browser)[1]) == files_of(found, 1, 1)


def test_an_address_with_a_cell_opens_it(browser, page):
    address, found = page
    browser.get("about:blank")
    browser.get(f"{address}#cell-2-2")
    assert set(opened(browser)[1]) == files_of(found, 2, 2)


@pytest.mark.parametrize("width", [320, 1280])
def test_each_error_has_its_evidence_beside_it(browser, page, width):
    axe.show(browser, width)
    browser.get(page[0])
    pairs = browser.find_elements("css selector", "#errors .pair")
    assert len(pairs) == 3
    for pair in pairs:
        shown, overlay = pair.find_elements("css selector", "img")
        for image in (shown, overlay):
            browser.execute_script("arguments[0].scrollIntoView()", image)
            assert browser.execute_script("return arguments[0].decode().then(() => true)", image)
        assert overlay.location["x"] >= shown.location["x"] + shown.size["width"]
        assert overlay.location["y"] == shown.location["y"]
        assert overlay.size == shown.size and shown.size["width"] > 50
        assert overlay.get_attribute("alt").startswith("The same with the evidence for ")
    ramp = browser.find_element("css selector", ".ramp")
    assert "gradient" in ramp.value_of_css_property("background-image")
    assert ramp.size["width"] > 60
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_the_screen_in_light_and_dark(browser, page, width, scheme):
    axe.show(browser, width, scheme)
    browser.get(page[0])
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    colours = browser.execute_script(
        "const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]"
    )
    text, ground = (sum(map(int, colour[4:-1].split(","))) for colour in colours)
    assert (text > ground) == (scheme == "dark")
    for image in browser.find_elements("css selector", ".figure img"):
        assert browser.execute_script("return arguments[0].decode().then(() => true)", image)
    assert browser.get_log("browser") == []


def test_an_image_opens_large_and_leads_to_the_next(browser, page):
    from selenium.webdriver.common.keys import Keys

    axe.show(browser, 1280)
    browser.get(page[0])
    first = browser.find_element("css selector", "#errors .pair")
    small = first.find_element("css selector", "img").size
    browser.execute_script("arguments[0].focus()", first)
    first.send_keys(Keys.ENTER)
    dialog = browser.find_element("id", "large")
    assert dialog.is_displayed()
    images = dialog.find_elements("css selector", "img")
    assert len(images) == 2 and images[0].size["width"] > 2 * small["width"]
    names = [name.text for name in browser.find_elements("css selector", "#errors .file")]
    text = dialog.find_element("css selector", "p")
    assert names[0] in text.text
    previous, following, _ = dialog.find_elements("css selector", "button")
    assert not previous.is_enabled()
    following.click()
    assert names[1] in text.text and previous.is_enabled()
    browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert names[0] in text.text
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()
    assert browser.get_log("browser") == []


def test_wrong_labels_are_saved_as_a_list(make_browser, written, scored, tmp_path):
    from selenium.webdriver.support.ui import Select, WebDriverWait

    seen = "glass/glass-metal-00.jpg"  # behind its cell, too
    files = ['=1+"x",y.jpg', seen, "glass/right.jpg"]
    report = {"class_names": ["glass", "metal", "=sum(A1)"]}
    report["test"] = scored(report["class_names"], 45, 3, mistakes=[*map(top_error, files)])
    written(report)
    browser = make_browser()
    setting = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", setting)
    browser.get((tmp_path / "out" / "report.html").as_uri())
    bar = browser.find_element("id", "labels")
    assert not bar.is_displayed()

    cards = browser.find_elements("css selector", "#errors > .cards > li")[:3]
    ticks = [card.find_element("css selector", ".wrong-label input") for card in cards]
    for tick in (*ticks, ticks[2]):
        browser.execute_script("arguments[0].click()", tick)
    assert bar.find_element("css selector", "output").text == "2 wrong labels"
    choices = Select(cards[1].find_element("css selector", "select"))
    assert [option.text for option in choices.options] == [
        "Leave it out", "It is metal", "It is =sum(A1)"
    ]  # fmt: skip
    assert choices.first_selected_option.text == "It is metal"
    choices.select_by_index(2)
    twice = browser.find_elements("css selector", f'li[data-file="{seen}"] input')
    assert [tick.is_selected() for tick in twice] == [True, True]

    bar.find_element("css selector", "[data-save]").click()
    saved = tmp_path / "labels.csv"
    WebDriverWait(browser, 60).until(lambda _: saved.exists())
    assert list(csv.reader(saved.read_text().splitlines())) == [
        ["file", "label", "action", "new_label", "reason"],
        ['\'=1+"x",y.jpg', "glass", "relabel", "metal", "predicted metal, 93%"],
        [seen, "glass", "relabel", "'=sum(A1)", "predicted metal, 93%"],
    ]
    bar.find_element("css selector", "[data-clear]").click()
    assert not bar.is_displayed() and not ticks[0].is_selected()
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_the_model_files_fit_every_width(make_browser, written, full, tmp_path, width):
    long = {"format": "float16", "path": "export/model_float16.tflite", "bytes": 7_000_000,
            "accuracy": 0.93, "agreement": 0.99, "max_difference": 1e-3,
            "latency": "8.1 ms (1 thread), 5.2 ms (2 threads), 3.9 ms (4 threads)"}  # fmt: skip
    written(full, model_files=[*report_parts.MODEL_FILES, long])
    browser = make_browser()
    axe.show(browser, width)
    browser.get((tmp_path / "out" / "report.html").as_uri())
    frame = browser.find_element("css selector", "#exports .stack")
    wide, fits = browser.execute_script(
        "return [arguments[0].scrollWidth, arguments[0].clientWidth]", frame
    )
    assert wide <= fits
    cells = frame.find_elements("css selector", "tbody tr:last-child td")
    stacked = cells[1].location["y"] > cells[0].location["y"]
    assert stacked == (width < 1280)


def test_print_has_everything_in_light_colours(make_browser, written, predicted, tmp_path):
    found = predicted(["a", "b"], [[20, 30], [0, 50]])
    report = {"class_names": ["a", "b"], "test": found.score(), "config": report_parts.CONFIG}
    written(report)
    browser = make_browser()
    browser.get((tmp_path / "out" / "report.html").as_uri())
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})

    def style(selector, name):
        element = browser.find_element("css selector", selector)
        return element.value_of_css_property(name)

    def is_seen(selector):
        # Selenium takes what is in a closed `details` for hidden, whatever the style says.
        script = "return document.querySelector(arguments[0]).checkVisibility()"
        return browser.execute_script(script, selector)

    assert style("body", "background-color") in ("rgba(255, 255, 255, 1)", "rgb(255, 255, 255)")
    assert style(".matrix .shade", "print-color-adjust") == "exact"
    assert style(".scroll", "overflow-x") == "visible"
    assert is_seen("details.more li") and is_seen("details .sections h3")
    assert not is_seen("nav") and not is_seen("#errors .wrong-label")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen"})
    assert not is_seen("details.more li") and is_seen("nav") and is_seen("#errors .wrong-label")
