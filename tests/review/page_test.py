"""The page of a review in a browser: by keyboard, by mouse, on a phone."""

import pytest
from PIL import Image

from tests.support import pages

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope="module")
def browser(make_browser):
    return make_browser()


@pytest.fixture
def page(browser, folder, start, serve):
    """The browser with the page of a session; a file name would like to be HTML."""
    Image.new("RGB", (30, 40), (125, 125, 0)).save(folder / "<img src=x onerror=alert(1)>.png")
    browser.get(serve(start()).address)
    pages.wait(browser, lambda: shown(browser))
    yield browser
    # The browser notes each refusal of the server, which the page says itself.
    assert [line for line in pages.complaints(browser) if "a status of 4" not in line] == []


def shown(browser):
    """Returns the name of the image, once it is drawn."""
    script = "const image = document.getElementById('image'); return image.naturalWidth > 0"
    return browser.execute_script(script) and pages.part(browser, "file").text


def press(browser, keys):
    """Presses keys one by one, and waits for each to be done."""
    from selenium.webdriver.common.action_chains import ActionChains

    for key in keys:
        ActionChains(browser).send_keys(key).perform()
        pages.wait(browser, lambda: not browser.find_elements("css selector", "body.busy"))


def count(browser):
    return pages.part(browser, "count").text


def test_the_keyboard_does_it_all(page, folder):
    assert count(page) == "0 of 6"
    first = pages.part(page, "file").text
    press(page, "1")
    assert count(page) == "1 of 6" and pages.part(page, "said").text == f"{first}: blue"
    assert len(list((folder / "named" / "blue").iterdir())) == 1
    press(page, "u")
    assert count(page) == "0 of 6" and pages.part(page, "file").text == first
    press(page, "s0")
    assert count(page) == "1 of 6, 1 skipped"
    assert len(list((folder / "none_of_these").iterdir())) == 1
    press(page, "9q")  # no class has these keys
    assert count(page) == "1 of 6, 1 skipped"
    press(page, "3333")
    assert pages.part(page, "finished-title").text == "Nothing is left but what you skipped"
    assert page.switch_to.active_element == pages.part(page, "finished-title")
    pages.part(page, "again").click()
    pages.wait(page, lambda: pages.part(page, "file").text == first)
    press(page, "2")
    assert pages.part(page, "finished-title").text == "All images are named"
    assert count(page) == "6 of 6" and not pages.part(page, "again").is_displayed()
    press(page, "u")
    assert pages.part(page, "file").text == first


def test_letters_in_the_field_of_a_new_class_are_no_answers(page, folder):
    from selenium.webdriver.common.keys import Keys

    pages.part(page, "name").send_keys("s1u0", Keys.ENTER)
    pages.wait(page, lambda: count(page) == "1 of 6")
    assert len(list((folder / "named" / "s1u0").iterdir())) == 1
    press(page, "4")  # the key of the new class
    assert len(list((folder / "named" / "s1u0").iterdir())) == 2
    pages.part(page, "name").send_keys("../up", Keys.ENTER)
    pages.wait(page, lambda: pages.problem(page))
    assert "A class name must be visible text" in pages.problem(page)
    assert not (folder / "up").exists()
    press(page, "1")
    assert pages.problem(page) == "" and count(page) == "3 of 6"


def test_single_keys_can_be_turned_off(page):
    pages.part(page, "keys").click()
    press(page, "1")
    assert count(page) == "0 of 6"
    page.find_element("css selector", "#classes button").click()
    pages.wait(page, lambda: count(page) == "1 of 6")


def test_names_of_files_and_classes_are_text(page, folder):
    from selenium.webdriver.common.keys import Keys

    names = []
    for _ in range(6):
        names.append(pages.part(page, "file").text)
        press(page, "s")
    assert "<img src=x onerror=alert(1)>.png" in names
    pages.part(page, "again").click()
    pages.wait(page, lambda: shown(page) == names[0])
    pages.part(page, "name").send_keys("<b>", Keys.ENTER)
    pages.wait(page, lambda: pages.problem(page))
    assert "becomes a folder" in pages.problem(page)
    assert page.find_elements("css selector", "main b, figcaption img") == []


def test_an_image_that_is_deleted_meanwhile_is_passed_over(page, folder):
    for path in folder.glob("*.png"):
        if path.name != pages.part(page, "file").text:
            path.unlink()
    press(page, "11")  # the second one was fetched before
    pages.wait(page, lambda: pages.part(page, "finished").is_displayed())
    assert "It is passed over" in pages.problem(page) and count(page) == "1 of 1"


def test_a_review_that_has_ended_says_so(page):
    page.execute_script("window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")
    press(page, "1")
    assert "Start the same command again" in pages.problem(page) and count(page) == "0 of 6"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_the_screen_in_light_and_dark(page, width, scheme):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    bottom = "return document.getElementById('skip').getBoundingClientRect().bottom"
    assert page.execute_script(bottom) <= 800  # image and answers are seen together
    for button in page.find_elements("css selector", "button"):
        assert not button.is_displayed() or button.size["height"] >= 44
    script = "const style = getComputedStyle(document.body); return [style.color, style.background]"
    text, ground = (
        sum(map(int, colour[4 : colour.index(")")].split(",")))
        for colour in page.execute_script(script)
    )
    assert (text > ground) == (scheme == "dark")


def test_everything_has_a_name_and_nothing_leaves_the_machine(page):
    for each in page.find_elements("css selector", "button, input, img, progress, [role=group]"):
        assert each.accessible_name or not each.is_displayed(), each.get_attribute("outerHTML")
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    asked = page.execute_script(script)
    assert len(asked) > 4 and all(name.startswith(page.current_url) for name in asked)
