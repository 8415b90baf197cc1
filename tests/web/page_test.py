"""The page against the predictions of `predict`, and what people do with it."""

import base64
from pathlib import Path

import pytest

from tests.support import pages
from trash_keras import pretrained
from trash_keras.predictor import Predictor

pytestmark = [pytest.mark.slow, pytest.mark.long]
TRASHNET = Path(__file__).parents[3] / "shared" / "trashnet" / "images"
# Of a probability, for the same pixels: another processor may round a sum otherwise.
TOLERANCES = {"float32": 1e-5, "float16": 1e-5, "dynamic": 1e-5, "int8": 1.01 / 256}


@pytest.fixture(scope="module")
def browser(make_browser):
    return make_browser()


@pytest.fixture(params=TOLERANCES)
def model(request, export):
    """A model file and how far its probabilities may lie from those of `predict`."""
    return export(request.param), TOLERANCES[request.param]


@pytest.fixture
def address(serve, float32_file):
    return serve(float32_file)


@pytest.fixture
def page(browser, address):
    """The browser with the page opened anew, as wide as on a desk."""
    size(browser, 1280)
    pages.open_page(browser, address)
    yield browser
    assert pages.complaints(browser) == []


def size(browser, width, scheme="light"):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def compare(browser, model, files, tolerance):
    """Checks the cards of files against `predict`; returns the predictions.

    Pixels of lossy files may differ between decoders, so their probabilities may, too.
    """
    predictions = list(Predictor.load(model).predict_stream([str(file) for file in files]))
    for prediction, card in zip(predictions, pages.upload(browser, files), strict=True):
        lossless = Path(prediction.file).suffix == ".png"
        allowed = tolerance if lossless else max(tolerance, pages.LOSSY_PROBABILITY)
        assert pages.probabilities(card) == pytest.approx(prediction.probabilities, abs=allowed)
        assert card.get_attribute("data-label") == prediction.label
        name, _ = prediction.top_k(1)[0]
        assert pages.said(card, ".best .name") == name
        assert Path(prediction.file).name in pages.said(card, ".file")
        assert " ms" in pages.said(card, ".file")
    return predictions


def test_images_are_classified_as_by_predict(browser, serve, photographs, model):
    file, tolerance = model
    pages.open_page(browser, serve(file))
    predictions = compare(browser, file, photographs, tolerance)
    unsure = sum(prediction.label == "unsure" for prediction in predictions)
    assert 0 < unsure < len(predictions)
    assert f"{unsure} unsure" in pages.part(browser, "status").text
    assert pages.complaints(browser) == []


def test_the_packaged_model_predicts_as_by_predict(browser, serve, photographs):
    """On real images where TrashNet is at hand."""
    folders = sorted(TRASHNET.iterdir()) if TRASHNET.is_dir() else []
    files = [sorted(folder.glob("*.jpg"))[0] for folder in folders] or photographs
    pages.open_page(browser, serve(pretrained.path()))
    # From the same pixels, a sum of an int8 layer may fall to the next level here and not there,
    # which shows where the model is unsure.
    compare(browser, pretrained.path(), files, 8 / 256)
    assert pages.complaints(browser) == []


def test_later_images_come_first(page, photographs):
    pages.upload(page, photographs[:2])
    pages.upload(page, photographs[2:4])
    names = [pages.said(card, ".file").split(",")[0] for card in pages.cards(page)]
    assert names == [file.name for file in (*photographs[2:4], *photographs[:2])]
    pages.part(page, "clear").click()
    assert pages.cards(page) == [] and not pages.part(page, "results").is_displayed()


def test_a_file_that_is_not_an_image_says_so_and_stops_nothing(page, photographs, tmp_path):
    broken = tmp_path / "letter.jpg"
    broken.write_text("not an image")
    failed, good = pages.upload(page, [broken, photographs[0]])
    assert pages.said(failed, ".label") == "No prediction"
    assert "not a JPEG, PNG, WebP" in pages.said(failed, ".why")
    assert "letter.jpg" in pages.said(failed, ".file")
    assert pages.probabilities(good)
    assert "1 without a prediction" in pages.part(page, "status").text


def hand_over(browser, event, holder, content):
    """Lets an event bring a file, as the clipboard or a mouse does."""
    script = """
    const [kind, holder, data] = arguments;
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "brought.png", { type: "image/png" }));
    const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
    document.body.dispatchEvent(new Kind(kind, { [holder]: transfer, bubbles: true }));
    """
    browser.execute_script(script, event, holder, base64.b64encode(content).decode())


@pytest.mark.parametrize(
    ("event", "holder"), [("paste", "clipboardData"), ("drop", "dataTransfer")]
)
def test_images_are_pasted_and_dropped(page, encoded, event, holder):
    hand_over(page, event, holder, encoded)
    pages.wait(page, lambda: pages.cards(page))
    (card,) = pages.cards(page)
    assert "brought.png" in pages.said(card, ".file") and pages.probabilities(card)
    assert pages.part(page, "status").text.startswith("brought.png: ")


def test_the_keyboard_does_it_all(page, photographs):
    from selenium.webdriver.common.keys import Keys

    # The file dialog belongs to the system, not to the page: note that it would open.
    page.execute_script(
        "document.getElementById('files').addEventListener('click', (event) => {"
        " event.preventDefault(); document.body.dataset.asked = 'yes'; })"
    )
    focused = press_tab(page, "choose")
    assert focused.value_of_css_property("outline-style") == "solid"
    focused.send_keys(Keys.ENTER)
    assert page.execute_script("return document.body.dataset.asked") == "yes"
    pages.upload(page, photographs[:1])
    assert press_tab(page, "open-camera").is_displayed()
    press_tab(page, "clear").send_keys(Keys.ENTER)
    assert pages.cards(page) == []
    assert page.switch_to.active_element == pages.part(page, "choose")


def press_tab(browser, until):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    for _ in range(8):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        if focused.get_attribute("id") == until:
            return focused
    raise AssertionError(f"{until} is not reached by Tab")


def test_the_heat_map_is_shown_and_hidden(page, photographs):
    (card,) = pages.upload(page, photographs[:1])
    canvas, button = (card.find_element("css selector", part) for part in ("canvas", "button"))
    plain = page.execute_script("return arguments[0].toDataURL()", canvas)
    button.click()
    pages.wait(page, lambda: pages.said(card, ".method"))
    assert "Occlusion sensitivity" in pages.said(card, ".method")
    for shown in ("true", "false", "true"):
        assert canvas.get_attribute("data-overlay") == shown
        drawn = page.execute_script("return arguments[0].toDataURL()", canvas)
        assert (drawn == plain) == (shown == "false")
        button.click()


def test_the_heat_map_can_be_cancelled(page, photographs):
    (card,) = pages.upload(page, photographs[:1])
    button = card.find_element("css selector", "button")
    page.execute_script("arguments[0].click(); arguments[0].click()", button)
    pages.wait(page, lambda: button.text == "Show heat map")
    assert not pages.said(card, ".method")
    assert not card.find_element("css selector", "progress").is_displayed()


def test_a_covered_region_that_decides_is_found(page):
    """An image whose prediction depends on one corner, with a function instead of a model."""
    script = """
    const done = arguments[0];
    import("./occlusion.js").then(async ({ occlusion, RUNS }) => {
      const side = 48, square = new Uint8Array(side * side * 3);
      for (let y = 36; y < side; y++) for (let x = 0; x < 12; x++) square[(y * side + x) * 3] = 255;
      const red = async (asked) => asked.filter((level) => level === 255).length / 144;
      let runs = 0;
      const found = await occlusion(square, side, 1, red, () => { runs += 1; },
        new AbortController().signal);
      done([found.largest, found.cells, [...found.map], runs === RUNS]);
    });
    """
    largest, cells, values, complete = page.execute_async_script(script)
    assert largest == 1 and complete
    assert values.index(max(values)) == (cells - 1) * cells and max(values) == 1
    assert sum(value > 0 for value in values) < len(values) / 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_the_screen_in_light_and_dark(page, photographs, width, scheme):
    size(page, width, scheme)
    pages.upload(page, photographs[:2])
    pages.part(page, "about").find_element("css selector", "summary").click()
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    script = "const style = getComputedStyle(document.body); return [style.color, style.background]"
    text, ground = (
        sum(map(int, colour[4 : colour.index(")")].split(",")))
        for colour in page.execute_script(script)
    )
    assert (text > ground) == (scheme == "dark")
    for button in page.find_elements("css selector", "button"):
        assert not button.is_displayed() or button.size["height"] >= 36


def test_nothing_leaves_the_page(page, address, photographs):
    pages.upload(page, photographs[:1])
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    asked = page.execute_script(script)
    assert len(asked) > 10 and all(name.startswith(address) for name in asked)
    refused = page.execute_async_script("""
    const done = arguments[0];
    const refused = new Set();
    document.addEventListener("securitypolicyviolation", (event) => {
      refused.add(`${event.effectiveDirective} ${event.blockedURI}`);
      if (refused.size === 4) done([...refused]);
    });
    fetch("https://example.com/fetch").catch(() => {});
    navigator.sendBeacon("https://example.com/beacon", "image");
    new Image().src = "https://example.com/image";
    const form = document.createElement("form");
    form.action = "https://example.com/form";
    document.body.append(form);
    form.submit();
    """)
    elsewhere = "https://example.com/"
    assert set(refused) == {
        f"connect-src {elsewhere}fetch", f"connect-src {elsewhere}beacon",
        f"img-src {elsewhere}image", f"form-action {elsewhere}form?",
    }  # fmt: skip
    messages = pages.complaints(page)
    assert messages and all("Content Security Policy" in message for message in messages)
    assert "Nothing is uploaded" in page.find_element("css selector", ".private").text


def test_another_model_file_is_taken(page, serve, float32_file, photographs, tmp_path):
    from trash_keras.metadata import ModelMetadata

    pages.upload(page, photographs[:1])
    content = float32_file.read_bytes()
    other = tmp_path / "renamed.tflite"
    other.write_bytes(content[: content.index(b"PK\3\4")])
    ModelMetadata(("one", "two", "three", "four"), 48, "pad", threshold=1.0).embed(other)
    pages.part(page, "about").find_element("css selector", "summary").click()
    pages.part(page, "model-file").send_keys(str(other))
    pages.wait(page, lambda: "one, two, three, four" in pages.part(page, "status").text)
    assert "renamed.tflite" in pages.part(page, "facts").text
    (card,) = pages.upload(page, photographs[:1])
    assert card.get_attribute("data-label") == "unsure"
    assert card.get_attribute("data-words").startswith(pages.said(card, ".label"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no model", "its metadata is missing"), (b"PK\5\6" + bytes(18), "its metadata is missing")],
)
def test_a_file_that_is_not_a_model_is_refused(page, tmp_path, content, message):
    file = tmp_path / "odd.tflite"
    file.write_bytes(content)
    pages.part(page, "model-file").send_keys(str(file))
    pages.wait(page, lambda: pages.problem(page))
    assert pages.problem(page).startswith("odd.tflite can't be used. ")
    assert message in pages.problem(page)
    assert pages.part(page, "choose").is_enabled()  # with the previous model


def test_weights_that_cannot_be_read_are_refused(page, tmp_path):
    from trash_keras.metadata import ModelMetadata

    file = tmp_path / "odd.tflite"
    file.write_bytes(b"no weights at all")
    ModelMetadata(("one", "two"), 48, "pad").embed(file)
    pages.part(page, "model-file").send_keys(str(file))
    pages.wait(page, lambda: pages.problem(page))
    assert pages.problem(page).startswith("odd.tflite can't be used. ")


def test_compressed_metadata_is_read(page, float32_file, tmp_path):
    import zipfile

    content = float32_file.read_bytes()
    file = tmp_path / "compressed.tflite"
    file.write_bytes(content[: content.index(b"PK\3\4")])
    with zipfile.ZipFile(float32_file) as old, zipfile.ZipFile(file, "a") as new:
        for entry in old.namelist():
            new.writestr(entry, old.read(entry), zipfile.ZIP_DEFLATED)
    pages.part(page, "model-file").send_keys(str(file))
    pages.wait(page, lambda: "compressed.tflite" in text_of(page, "facts"))


def text_of(browser, name):
    return pages.part(browser, name).get_attribute("textContent")


def test_without_webassembly_it_says_so(make_browser, address):
    browser = make_browser()
    removal = {"source": "delete globalThis.WebAssembly"}
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", removal)
    pages.open_page(browser, address)
    assert "This browser has no WebAssembly" in pages.problem(browser)
    assert not pages.part(browser, "choose").is_enabled()


def test_without_script_it_says_so(make_browser, address):
    browser = make_browser(with_script=False)
    browser.get(address)
    assert "needs JavaScript" in browser.find_element("css selector", "noscript").text
