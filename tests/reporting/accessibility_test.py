"""Every page that is written, under axe: on a desktop and a phone, light and dark."""

import itertools

import pytest

from tests.reporting import comparison_page_test, cross_validation_page_test
from tests.reporting.audit_page_test import findings, images, render  # noqa: F401, fixtures
from tests.support import axe
from trash_keras.reporting import comparison_page, cross_validation_page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(make_browser):
    axe.need()
    return make_browser()


@pytest.fixture
def check(browser):
    def check(path):
        for width, scheme in itertools.product((390, 1280), ("light", "dark")):
            axe.show(browser, width, scheme)
            browser.get(path.as_uri())
            axe.assert_clean(browser)

    return check


def test_report(check, written, full, tmp_path):
    # Cells of every shade, of right and of wrong predictions.
    matrix = [[50 if j == (i + 1) % 6 else 0 for j in range(6)] for i in range(3)]
    matrix += [[10 * i if j == i else 50 - 10 * i if j == 0 else 0 for j in range(6)]
               for i in range(3, 6)]  # fmt: skip
    written(full, matrix)
    check(tmp_path / "out" / "report.html")


def test_audit(check, findings, images, tmp_path):  # noqa: F811
    render(findings, images, tmp_path)
    check(tmp_path / "audit.html")


def test_comparison(check, tmp_path):
    comparison_page.write(comparison_page_test.compared(), tmp_path)
    check(tmp_path / "comparison.html")


def test_cross_validation(check, tmp_path):
    cross_validation_page.write(*cross_validation_page_test.report_of(2), tmp_path)
    check(tmp_path / "cross_validation.html")
