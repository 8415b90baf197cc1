"""The page on a server, in a browser, with a model whose predictions differ from image to image."""

import dataclasses
import functools
import io
import threading

import numpy as np
import pytest
from PIL import Image

SIDE = 48
NAMES = ("cardboard", "glass", "metal", "paper")


@pytest.fixture(scope="session")
def node_modules(request):
    """LiteRT.js from npm, kept between test runs beside what pytest keeps."""
    from trash_keras.serving import web_demo
    from trash_keras.serving.web_demo import PAGE

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("npm")))
        try:
            return web_demo.fetch_npm_files(PAGE)
        except OSError as error:
            pytest.skip(f"needs npm and its registry: {error}")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """Files as people have them, by name: JPEG, PNG and WebP, small to 8 megapixels."""
    folder = tmp_path_factory.mktemp("photographs")
    generator = np.random.default_rng(1)
    turned = Image.Exif()
    turned[0x0112] = 6
    see_through = photograph(generator, 320, 240).convert("RGBA")
    see_through.putalpha(photograph(generator, 320, 240).convert("L"))
    for name, image, options in [
        *((f"plain{index}.jpg", photograph(generator, 512, 384), {}) for index in range(4)),
        ("turned.jpg", photograph(generator, 400, 300), {"exif": turned, "quality": 80}),
        ("see through.png", see_through, {}),
        ("large.jpg", photograph(generator, 3264, 2448), {"quality": 85, "progressive": True}),
        ("tall.webp", photograph(generator, 150, 600), {"quality": 80}),
    ]:
        image.save(folder / name, **options)
    return sorted(folder.iterdir())


def photograph(generator, width, height):
    """Blurred shapes of a few colours under noise."""
    cells = generator.integers(0, 256, (4, 5, 3), np.uint8)
    smooth = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
    noise = generator.normal(0, 10, (height, width, 3))
    return Image.fromarray((np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def classifier():
    import keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    return keras.Sequential([
        keras.Input((SIDE, SIDE, 3)),
        layers.Rescaling(1 / 127.5, offset=-1),
        layers.Conv2D(8, 3, strides=2, activation="relu"),
        layers.Conv2D(16, 3, strides=2, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(4, "softmax", kernel_initializer=keras.initializers.RandomNormal(stddev=3)),
    ])  # fmt: skip


@pytest.fixture(scope="session")
def export(classifier, photographs, tmp_path_factory):
    """Writes a kind of model file whose threshold leaves about half of the photographs unsure."""
    from trash_keras.exporters import model_info, tflite
    from trash_keras.exporters.spec import ExportSpec
    from trash_keras.metadata import ModelMetadata
    from trash_keras.predictor import Predictor

    generator = np.random.default_rng(0)
    samples = np.stack([np.asarray(photograph(generator, SIDE, SIDE)) for _ in range(8)])
    toy = model_info.ModelInfo("Toy", "Tells nothing apart.", "MIT", {})

    @functools.cache
    def write(kind):
        path = tmp_path_factory.mktemp(kind) / f"model_{kind}.tflite"
        metadata = ModelMetadata(NAMES, SIDE, "crop")
        writer = getattr(tflite, f"write_{kind}")
        writer(ExportSpec(classifier, metadata, toy, samples.copy), path)
        predictions = Predictor.load(path).predict_stream([str(file) for file in photographs])
        best = sorted(prediction.top_k(1)[0][1] for prediction in predictions)
        metadata = dataclasses.replace(metadata, threshold=(best[3] + best[4]) / 2)
        writer(ExportSpec(classifier, metadata, toy, samples.copy), path)
        return path

    return write


@pytest.fixture(scope="session")
def float32_file(export):
    return export("float32")


@pytest.fixture(scope="session")
def serve(node_modules):
    """Serves a model and returns the address of its page."""
    from trash_keras.serving.web_demo import Server, Site

    started = []

    def start(model):
        started.append(Server(Site(model, node_modules)))
        threading.Thread(target=started[-1].serve_forever, daemon=True).start()
        return started[-1].address

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def encoded():
    """A photograph's bytes as PNG."""
    content = io.BytesIO()
    photograph(np.random.default_rng(2), 200, 150).save(content, "PNG")
    return content.getvalue()
