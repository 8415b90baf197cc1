"""The page under axe, in all its states."""

import pytest

from tests.support import axe, pages
from tests.web.camera_test import FAKES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(make_browser):
    axe.need()
    browser = make_browser(*FAKES)
    browser.set_script_timeout(pages.SECONDS)
    return browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser, serve, float32_file, photographs, tmp_path, width, scheme):
    axe.show(browser, width, scheme)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 600})
    pages.open_page(browser, serve(float32_file))
    browser.execute_script(
        "document.getElementById('about').open = true;"
        "document.getElementById('project').href = 'https://example.org/';"
        "for (const id of ['project', 'address']) document.getElementById(id).hidden = false;"
    )
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    pages.upload(browser, [*photographs[:4], broken])
    axe.assert_clean(browser)
    pages.part(browser, "open-camera").click()
    pages.wait(browser, lambda: pages.probabilities(pages.part(browser, "camera")))
    axe.assert_clean(browser)
