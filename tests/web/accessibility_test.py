"""The page under axe (https://github.com/dequelabs/axe-core), in all its states."""

import sys
from pathlib import Path

import pytest

from tests.support import pages
from tests.web.camera_test import FAKES

pytestmark = pytest.mark.slow
AXE = Path(sys.prefix) / "node/node_modules/axe-core/axe.min.js"  # of `make setup`
FIND = """
const done = arguments[0];
axe.run().then(({ violations, passes }) => done([passes.length, violations.map(
  ({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => html + failureSummary)])]));
"""


@pytest.fixture(scope="module")
def browser(make_browser):
    if not AXE.exists():
        pytest.skip("needs axe: Node.js 20 and `make setup`")
    browser = make_browser(*FAKES)
    browser.set_script_timeout(pages.SECONDS)
    return browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(browser, serve, float32_file, photographs, tmp_path, width, scheme):
    is_phone = width < 600
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": is_phone}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": is_phone})
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    pages.open_page(browser, serve(float32_file))
    browser.execute_script(AXE.read_text())
    browser.execute_script(
        "document.getElementById('about').open = true;"
        "document.getElementById('project').href = 'https://example.org/';"
        "for (const id of ['project', 'address']) document.getElementById(id).hidden = false;"
    )
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    pages.upload(browser, [*photographs[:4], broken])
    assert_clean(browser)
    pages.part(browser, "open-camera").click()
    pages.wait(browser, lambda: pages.probabilities(pages.part(browser, "camera")))
    assert_clean(browser)


def assert_clean(browser):
    passes, violations = browser.execute_async_script(FIND)
    assert passes > 20 and violations == []
