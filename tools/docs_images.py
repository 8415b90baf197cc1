"""Makes the pictures of README.md and docs/ from what `make demo` wrote.

    python -m tools.docs_images --demo=runs/demo --output=docs/images

Needs Chromium, its driver and, for the web page, npm. The images in the pictures are drawn.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

DEMO = flags.DEFINE_string("demo", "runs/demo", "Folder that `make demo` wrote.")
OUTPUT = flags.DEFINE_string("output", "docs/images", "Folder for the pictures.")

SHOWN = ("glass", "metal", "paper")
SECONDS = 120  # for a busy machine


def main(paths: Sequence[str]) -> None:
    """Writes predictions.webp, report.webp and page.webp."""
    reject_positional_arguments(paths)
    demo, output = Path(DEMO.value), Path(OUTPUT.value)
    run = demo / "run"
    images = one_image_of_each(demo / "data", run / "catalog.json")
    output.mkdir(parents=True, exist_ok=True)
    draw_predictions(run / "model.keras", images, output / "predictions.webp")
    with browser() as chromium:
        report = (run / "report.html").resolve().as_uri()
        shoot(chromium, report, output / "report.webp", size=(1280, 1000), width=960)
    with browser() as chromium, page(run / "export" / "model_int8.tflite") as address:
        classify(chromium, address, images[0])
        shoot(chromium, "", output / "page.webp", size=(390, 844), width=390)


def one_image_of_each(data_dir: Path, catalog: Path) -> list[Path]:
    """Returns one image of the test split for each class of `SHOWN`."""
    from trash_keras.data.catalog import Catalog

    paths, _ = Catalog.load(catalog).examples("test")
    return [
        data_dir / next(path for path in paths if path.startswith(f"{name}/")) for name in SHOWN
    ]


def draw_predictions(model: Path, images: Sequence[Path], target: Path) -> None:
    """Draws images with their predictions, and below each the Grad-CAM map."""
    import numpy as np

    from trash_keras.data import decoding
    from trash_keras.evaluation.explain import Explainer
    from trash_keras.predictor import Predictor
    from trash_keras.reporting.plots.contact_sheet import contact_sheet
    from trash_keras.reporting.plots.saliency_maps import overlay

    predictor, explainer = Predictor.load(model), Explainer.load(model)
    metadata = explainer.metadata
    best = [predictor.predict(image).top_k(1)[0] for image in images]
    encoded = {str(image): image.read_bytes() for image in images}
    squares = {
        name: decoding.load(content, metadata.image_size, metadata.resize)
        for name, content in encoded.items()
    }
    names = {name: label for name, (label, _) in zip(encoded, best, strict=True)}
    maps = explainer.heat_maps(names, squares)
    whole = {name: np.asarray(decoding.decode(content)) for name, content in encoded.items()}
    captions = [f"{label} {probability:.0%}" for label, probability in best]
    panels = [
        np.concatenate([image, overlay(image, maps[name], metadata.resize)])
        for name, image in whole.items()
    ]
    sheet = contact_sheet(list(zip(captions, panels, strict=True)), len(panels))
    content = io.BytesIO()
    sheet.savefig(content, format="png", dpi=180)
    write_webp(content.getvalue(), target)


def write_webp(png: bytes, target: Path, width: int | None = None) -> None:
    """Writes a picture small: as WebP, of at most `width` pixels."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.thumbnail((width or picture.width, picture.height))
    picture.save(target, quality=80, method=6)


@contextlib.contextmanager
def browser() -> Iterator[Chrome]:
    """Starts headless Chromium.

    Raises:
        ValueError: Chromium or its driver is missing.
    """
    from selenium import webdriver

    driver = shutil.which("chromedriver")
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if not driver or not binary:
        raise ValueError("Chromium and its driver are needed: apt-get install chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(argument)
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield started
    finally:
        started.quit()


@contextlib.contextmanager
def page(model: Path) -> Iterator[str]:
    """Serves the web page with a model; gives its address."""
    from trash_keras.serving.web_demo import Server, Site

    with Server(Site.of(model)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


def classify(chromium: Chrome, address: str, image: Path) -> None:
    """Opens the page, gives it an image and waits for the prediction."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    resize(chromium, 390, 844)
    chromium.get(address)
    wait = WebDriverWait(chromium, SECONDS)
    wait.until(lambda _: chromium.find_element(By.ID, "choose").is_enabled())
    chromium.find_element(By.ID, "files").send_keys(str(image.resolve()))
    (card,) = wait.until(lambda _: chromium.find_elements(By.CSS_SELECTOR, "#predictions > li"))
    chromium.execute_script("arguments[0].scrollIntoView({block: 'end'})", card)


def resize(chromium: Chrome, width: int, height: int) -> None:
    """Makes the window that many CSS pixels large, in the light theme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", light)


def shoot(chromium: Chrome, address: str, target: Path, size: tuple[int, int], width: int) -> None:
    """Photographs a page.

    Args:
        chromium: The browser.
        address: Of the page; empty for the one that is open.
        target: The WebP file.
        size: Width and height of the window, CSS pixels.
        width: Of the picture, pixels.
    """
    resize(chromium, *size)
    if address:
        chromium.get(address)
    write_webp(chromium.get_screenshot_as_png(), target, width)


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
