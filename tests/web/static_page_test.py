"""The exported page on a plain file server, below a path as on GitHub Pages."""

import contextlib
import functools
import http.server
import json
import threading

import pytest

from tests.support import pages
from trash_keras.predictor import Predictor
from trash_keras.serving import web_export
from trash_keras.serving.web_demo import Server, Site

pytestmark = [pytest.mark.slow, pytest.mark.long]
BELOW = "repo/demo"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Notes what is asked for."""

    def send_head(self):
        del self.headers["If-Modified-Since"]  # a second is too coarse for two exports in a row
        return super().send_head()

    def log_message(self, *_):
        self.server.asked.append(self.path)


@contextlib.contextmanager
def hosting(folder, port=0):
    """Serves a folder; gives the server, with the page's address as `url`."""
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.asked, server.daemon_threads = [], True
        server.url = f"http://127.0.0.1:{server.server_port}/{BELOW}/"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


@pytest.fixture
def export_page(node_modules, tmp_path):
    """Exports the page with a model; returns the folder to host."""

    def export(model):
        web_export.write(Site(model, node_modules), tmp_path / BELOW)
        return tmp_path

    return export


@pytest.fixture(scope="module")
def browser(make_browser):
    """One for all: each test has a port, and so an origin, of its own."""
    started = make_browser()
    started.set_script_timeout(pages.SECONDS)
    return started


def visit(browser, address):
    """Opens the page and waits until it could be opened offline."""
    pages.open_page(browser, address)
    pages.wait(browser, lambda: "without a network" in pages.part(browser, "offline").text)


def model_of(browser):
    return pages.part(browser, "facts").get_attribute("textContent")


def test_it_works_offline_after_one_visit(browser, export_page, float32_file, photographs):
    with hosting(export_page(float32_file)) as server:
        visit(browser, server.url)
        assert all(path.startswith(f"/{BELOW}/") for path in server.asked)
        assert not any("threaded" in path or "jspi" in path for path in server.asked)
    for address in (server.url, f"{server.url}index.html?from=elsewhere#part"):
        pages.open_page(browser, address)
        assert pages.problem(browser) == ""
    lossless = [file for file in photographs if file.suffix == ".png"]
    predictions = Predictor.load(float32_file).predict_stream([str(file) for file in lossless])
    for card, prediction in zip(pages.upload(browser, lossless), predictions, strict=True):
        expected = pytest.approx(prediction.probabilities, abs=1e-5)
        assert pages.probabilities(card) == expected
    examples = browser.find_elements("css selector", "#examples button")
    assert len(examples) == 4  # of six, those that this model has a class for
    examples[1].click()
    pages.wait(browser, lambda: len(pages.cards(browser)) == len(lossless) + 1)
    assert pages.said(pages.cards(browser)[0], ".file").startswith("Example glass, ")
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert len(loaded) > 15 and all(name.startswith(server.url) for name in loaded)
    assert pages.complaints(browser) == []


def test_browsers_can_install_it(browser, export_page, float32_file):
    with hosting(export_page(float32_file)) as server:
        visit(browser, server.url)
        manifest = browser.execute_cdp_cmd("Page.getAppManifest", {})
        assert manifest["errors"] == [] and manifest["url"].startswith(server.url)
        found = json.loads(manifest["data"])
        assert {icon["sizes"] for icon in found["icons"]} == {"192x192", "512x512"}
        errors = browser.execute_cdp_cmd("Page.getInstallabilityErrors", {})
        assert errors["installabilityErrors"] == []


def test_a_newer_export_takes_over_whole(browser, export_page, export):
    with hosting(export_page(export("float32"))) as server:
        visit(browser, server.url)
        assert "float32.tflite" in model_of(browser)
        export_page(export("int8"))
        pages.wait(browser, lambda: is_newer(browser, server.url))
    browser.get("about:blank")
    assert is_newer(browser, server.url)  # without a network
    pages.wait(browser, lambda: len(kept(browser)) == 1)


def is_newer(browser, address):
    """Visits the page again; tells whether it is the newer one."""
    visit(browser, address)
    return "int8.tflite" in model_of(browser)


def kept(browser):
    return browser.execute_async_script("caches.keys().then(arguments[0])")


def test_an_open_page_keeps_its_version(browser, export_page, export):
    with hosting(export_page(export("float32"))) as server:
        visit(browser, server.url)
        visit(browser, server.url)  # by the service worker now
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        export_page(export("int8"))
        pages.wait(browser, lambda: is_newer(browser, server.url))
        browser.close()
        browser.switch_to.window(first)
        assert "float32.tflite" in model_of(browser)
        server.asked.clear()
        browser.find_element("css selector", "#examples button").click()
        pages.wait(browser, lambda: pages.cards(browser))
        assert pages.said(pages.cards(browser)[0], ".label") != "No prediction"
        assert not any("examples" in path for path in server.asked)


def update(browser):
    """Lets the browser look for a newer service worker; tells whether it kept its files."""
    script = """
    const done = arguments[0];
    navigator.serviceWorker.ready.then(async (registration) => {
      const before = registration.active;
      await registration.update().catch(() => null);
      while (registration.installing || registration.waiting) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      done(registration.active !== before);
    });
    """
    return browser.execute_async_script(script)


def test_files_of_two_exports_never_meet(browser, export_page, export, tmp_path):
    """As while a host still gives out some files of the older one."""
    with hosting(export_page(export("float32"))) as server:
        visit(browser, server.url)
        page = tmp_path / BELOW / "index.html"
        old = page.read_bytes()
        export_page(export("int8"))
        new = page.read_bytes()
        assert new != old
        page.write_bytes(old)
        assert not update(browser)
        assert not is_newer(browser, server.url)
        page.write_bytes(new)
        assert update(browser)
        assert is_newer(browser, server.url)


def test_a_served_page_ends_what_an_exported_one_left(
    browser, export_page, export, node_modules, tmp_path
):
    export_page(export("float32"))
    with hosting(tmp_path / BELOW) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        visit(browser, address)
    with Server(Site(export("int8"), node_modules), port=server.server_port) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        pages.open_page(browser, address)
        pages.wait(browser, lambda: "int8.tflite" in model_of(browser))
        count = "navigator.serviceWorker.getRegistrations().then((all) => arguments[0](all.length))"
        assert browser.execute_async_script(count) == 0 and kept(browser) == []
        served.shutdown()
