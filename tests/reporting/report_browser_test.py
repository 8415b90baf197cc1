"""The report of a real run in a real browser."""

import functools
import json
import shutil

import numpy as np
import pytest

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


def size(browser, width, scheme="light"):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


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
    size(browser, 1280)
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
    size(browser, 1280)
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
    size(browser, width)
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
    size(browser, width, scheme)
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
