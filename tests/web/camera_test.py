"""The camera, with Chromium's fake video device."""

import pytest

from tests.support import pages

pytestmark = pytest.mark.slow
FAKES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def test_camera_frames_are_classified_live_and_kept_on_demand(make_browser, serve, float32_file):
    browser = make_browser(*FAKES)
    pages.open_page(browser, serve(float32_file))
    pages.part(browser, "open-camera").click()
    live = pages.part(browser, "camera")
    pages.wait(browser, lambda: pages.probabilities(live))
    assert sum(pages.probabilities(live).values()) == pytest.approx(1, abs=1e-3)
    assert browser.switch_to.active_element == pages.part(browser, "snapshot")
    detail = pages.part(browser, "live-detail")
    seen = detail.text
    pages.wait(browser, lambda: detail.text != seen)  # and it goes on
    pages.part(browser, "snapshot").click()
    pages.wait(browser, lambda: pages.cards(browser))
    (card,) = pages.cards(browser)
    assert pages.said(card, ".file").startswith("Camera, ") and pages.probabilities(card)
    pages.part(browser, "close-camera").click()
    assert not live.is_displayed()
    assert browser.execute_script("return document.getElementById('video').srcObject") is None
    assert browser.switch_to.active_element == pages.part(browser, "open-camera")
    assert pages.complaints(browser) == []


def test_without_a_camera_it_says_so(make_browser, serve, float32_file):
    browser = make_browser()
    pages.open_page(browser, serve(float32_file))
    pages.part(browser, "open-camera").click()
    pages.wait(browser, lambda: pages.problem(browser))
    assert pages.problem(browser) == "There is no camera on this device."
    assert pages.part(browser, "open-camera").is_displayed()
