"""The camera, with Chromium's fake video device."""

import base64
import io
import threading

import numpy as np
import pytest
from PIL import Image

from tests.support import pages
from trash_keras.serving import network, tls
from trash_keras.serving.web_demo import Server, Site

pytestmark = pytest.mark.slow
FAKES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
ROUND = 14  # pixels of the viewfinder's round corners
# A video of 640 x 360 whose square in the middle is red and whose sides are blue.
PAINTED = """
const canvas = document.createElement("canvas");
[canvas.width, canvas.height] = [640, 360];
const context = canvas.getContext("2d");
const paint = () => {
  context.fillStyle = "#00f";
  context.fillRect(0, 0, 640, 360);
  context.fillStyle = "#f00";
  context.fillRect(140, 0, 360, 360);
  requestAnimationFrame(paint);
};
paint();
navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(30);
"""


@pytest.fixture(scope="module")
def browser(make_browser):
    return make_browser(*FAKES)


def as_phone(browser, is_phone=True):
    """Lets the page be on a phone, or on a desk."""
    width = 390 if is_phone else 1280
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": is_phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": is_phone})
    still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", still)


def open_camera(browser):
    pages.part(browser, "open-camera").click()
    pages.wait(browser, lambda: pages.probabilities(pages.part(browser, "camera")))


def test_camera_frames_are_classified_live_and_kept_on_demand(browser, serve, float32_file):
    as_phone(browser, False)
    pages.open_page(browser, serve(float32_file))
    open_camera(browser)
    live = pages.part(browser, "camera")
    assert sum(pages.probabilities(live).values()) == pytest.approx(1, abs=1e-3)
    assert browser.switch_to.active_element == pages.part(browser, "snapshot")
    assert not pages.part(browser, "drop").is_displayed()
    seen = pages.probabilities(live)
    pages.wait(browser, lambda: pages.probabilities(live) != seen)  # and it goes on
    pages.part(browser, "snapshot").click()
    pages.wait(browser, lambda: pages.cards(browser))
    (card,) = pages.cards(browser)
    assert pages.said(card, ".file").startswith("Camera, ") and pages.probabilities(card)
    pages.part(browser, "close-camera").click()
    assert not live.is_displayed() and pages.part(browser, "drop").is_displayed()
    assert browser.execute_script("return document.getElementById('video').srcObject") is None
    assert browser.switch_to.active_element == pages.part(browser, "open-camera")
    assert pages.complaints(browser) == []


@pytest.mark.parametrize("is_phone", [True, False])
def test_the_square_that_is_seen_is_what_is_classified(browser, serve, float32_file, is_phone):
    as_phone(browser, is_phone)
    pages.open_page(browser, serve(float32_file))
    browser.execute_script(PAINTED)
    open_camera(browser)
    video = pages.part(browser, "video")
    assert video.size["width"] == pytest.approx(video.size["height"], abs=1)
    assert video.size["width"] > 300
    said = browser.find_element("css selector", ".viewfinder .said").size["height"]
    assert_red(screenshot(video)[ROUND : -said - ROUND, 2:-2])
    pages.part(browser, "snapshot").click()
    pages.wait(browser, lambda: pages.cards(browser))
    (card,) = pages.cards(browser)
    kept = browser.execute_script(
        "return arguments[0].toDataURL()", card.find_element("css selector", "canvas")
    )
    kept = np.asarray(Image.open(io.BytesIO(base64.b64decode(kept.split(",")[1]))).convert("RGB"))
    assert kept.shape == (360, 360, 3)
    assert_red(kept[:, 2:-2])


def assert_red(pixels):
    """Checks that no pixel of the sides is there."""
    assert (pixels[..., 0] > 200).all() and (pixels[..., 2] < 60).all()


def screenshot(element):
    return np.asarray(Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB"))


def test_on_a_phone_the_camera_comes_first(browser, serve, float32_file):
    for is_phone, first, words in ((True, "open-camera", "One piece"), (False, "choose", "Drop")):
        as_phone(browser, is_phone)
        pages.open_page(browser, serve(float32_file))
        buttons = browser.find_elements("css selector", "#drop .buttons button")
        assert [button.get_attribute("id") == first for button in buttons] == [True, False]
        assert "primary" in buttons[0].get_attribute("class")
        assert "primary" not in buttons[1].get_attribute("class")
        assert buttons[0].location["y"] <= buttons[1].location["y"]
        assert pages.part(browser, "drop").text.startswith(words)


def test_the_newest_answer_is_scrolled_into_view(browser, serve, float32_file, photographs):
    as_phone(browser)
    pages.open_page(browser, serve(float32_file))
    pages.upload(browser, photographs[:3])
    open_camera(browser)
    pages.wait(browser, lambda: in_view(browser, pages.part(browser, "video")))
    pages.part(browser, "snapshot").click()
    pages.wait(browser, lambda: len(pages.cards(browser)) == 4)
    pages.wait(browser, lambda: in_view(browser, pages.cards(browser)[0]))
    pages.part(browser, "close-camera").click()
    browser.execute_script("document.getElementById('examples').scrollIntoView()")
    browser.find_element("css selector", "#examples button").click()
    pages.wait(browser, lambda: len(pages.cards(browser)) == 5)
    pages.wait(browser, lambda: in_view(browser, pages.cards(browser)[0]))


def in_view(browser, element):
    return browser.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "return box.top >= -1 && box.bottom <= innerHeight + 1",
        element,
    )


def test_the_answer_is_that_of_the_mean_of_the_last_frames(browser, serve, float32_file):
    pages.open_page(browser, serve(float32_file))
    script = """
    const done = arguments[0];
    Promise.all([import("./live.js"), import("./smoothing.js")]).then(([live, smoothing]) => {
      const view = new live.LiveView(document.getElementById("camera"));
      const metadata = { class_names: ["one", "two"], threshold: 0.6, set_threshold: null };
      const said = [];
      for (const first of [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]) {
        said.push([view.show([first, 1 - first], 5, metadata),
                   document.getElementById("live-label").textContent]);
      }
      const mean = new smoothing.RunningMean(3);
      done([said, [[1, 0], [0, 1], [0, 1], [0, 1]].map((row) => mean.add(row))]);
    });
    """
    said, means = browser.execute_async_script(script)
    # Of five frames: 1, 1, 1, 1, 0.8, 0.6 (not above the threshold), 0.4 (0.6 of the other), 0.2.
    labels = ["one"] * 5 + ["one or two?", "two or one?", "two", "two", "two"]
    assert [label for _, label in said] == labels
    news = ["one, 100%", "", "", "", "", "one or two?", "two or one?", "two, 80%", "", ""]
    assert [words for words, _ in said] == news
    assert means == [[1, 0], [0.5, 0.5], pytest.approx([1 / 3, 2 / 3]), [0, 1]]


def test_without_a_camera_it_says_so(make_browser, serve, float32_file):
    browser = make_browser()
    pages.open_page(browser, serve(float32_file))
    pages.part(browser, "open-camera").click()
    pages.wait(browser, lambda: pages.problem(browser))
    assert pages.problem(browser) == "There is no camera on this device."
    assert pages.part(browser, "open-camera").is_displayed()


@pytest.mark.parametrize("is_https", [True, False])
def test_beyond_this_machine_only_https_gives_the_camera(
    make_browser, node_modules, float32_file, is_https
):
    names = {"localhost", network.lan_address("0.0.0.0")}
    if None in names:
        pytest.skip("needs a network interface beside loopback")
    context = tls.self_signed(names)[0] if is_https else None
    browser = make_browser(*FAKES, "--ignore-certificate-errors")
    with Server(Site(float32_file, node_modules), "0.0.0.0", tls=context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pages.open_page(browser, server.lan_address)
        assert server.lan_address in pages.part(browser, "address").text
        code = browser.find_element("css selector", "#address img")
        assert browser.execute_script("return arguments[0].naturalWidth", code) > 100
        hint = "start the server with --https"
        assert (hint in pages.part(browser, "address").text) != is_https
        pages.part(browser, "open-camera").click()
        live = pages.part(browser, "camera")
        pages.wait(browser, lambda: pages.probabilities(live) or pages.problem(browser))
        assert bool(pages.probabilities(live)) == is_https
        assert (hint in pages.problem(browser)) != is_https
        server.shutdown()
