"""The pages under axe (https://github.com/dequelabs/axe-core), which `make setup` installs."""

import sys
from pathlib import Path

import pytest

FILE = Path(sys.prefix) / "node/node_modules/axe-core/axe.min.js"
FIND = """
const done = arguments[0];
axe.run().then(({ violations, passes }) => done([passes.length, violations.map(
  ({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => html + failureSummary)])]));
"""


def need():
    if not FILE.exists():
        pytest.skip("needs axe: Node.js 20 and `make setup`")


def show(browser, width, scheme="light"):
    """Makes the window that large, a phone's below 600 pixels, in the light or dark theme."""
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def assert_clean(browser):
    if not browser.execute_script("return typeof axe === 'object'"):
        browser.execute_script(FILE.read_text())
    passes, violations = browser.execute_async_script(FIND)
    assert passes > 20 and violations == []
