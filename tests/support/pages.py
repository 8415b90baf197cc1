"""What the tests do with the page of web/ in a browser."""

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

SECONDS = 60  # for a busy machine
# What runtimes promise each other. A lossless file has one meaning, so its pixels are the same to
# the bit. The codecs of lossy ones may round and smooth as they like: another version of a
# browser has another decoder, and such a pixel may differ by this many of 255 levels,
LOSSY_LEVELS = 4
# and probabilities by this much.
LOSSY_PROBABILITY = 1 / 256


# Between a page and its reload there are none, or those of the old page.
GONE = NoSuchElementException, StaleElementReferenceException


def wait(browser, condition):
    return WebDriverWait(browser, SECONDS, ignored_exceptions=GONE).until(lambda _: condition())


def part(browser, name):
    return browser.find_element(By.ID, name)


def open_page(browser, address):
    """Opens the page and waits until its model has been loaded or refused."""
    browser.get(address)
    wait(browser, lambda: part(browser, "choose").is_enabled() or problem(browser))


def problem(browser):
    return part(browser, "problem").text


def cards(browser):
    return browser.find_elements(By.CSS_SELECTOR, "#predictions > li")


def upload(browser, files, field="files"):
    """Chooses files and returns their cards, once all are there."""
    before = len(cards(browser))
    part(browser, field).send_keys("\n".join(map(str, files)))
    wait(browser, lambda: len(cards(browser)) == before + len(files))
    return cards(browser)[: len(files)]


def said(card, selector):
    return card.find_element(By.CSS_SELECTOR, selector).text


def probabilities(card):
    """Class name -> probability, of the bars of a card; read at once, since a camera's change."""
    script = """
    return [...arguments[0].querySelectorAll(".bars li")].map(
      (row) => [row.querySelector(".name").textContent, Number(row.dataset.probability)]);
    """
    return dict(card.parent.execute_script(script, card))


def complaints(browser):
    """Errors of the console, but those of LiteRT.js on a machine without a graphics card."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] in ("WARNING", "SEVERE") and "adapter" not in entry["message"]
    ]
