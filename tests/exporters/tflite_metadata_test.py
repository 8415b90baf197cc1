"""Our files, read by the code that MediaPipe and Android read them with."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trash_keras import pretrained
from trash_keras.data import decoding
from trash_keras.exporters import model_info, tflite, tflite_metadata
from trash_keras.exporters.spec import ExportSpec
from trash_keras.metadata import ModelMetadata
from trash_keras.models import inference
from trash_keras.predictor import Predictor

METADATA = ModelMetadata(("blue", "green", "red"), 16, "crop", threshold=0.6)
INFO = model_info.ModelInfo("Toy", "Tells colours apart.", "Apache-2.0", {"seed": 3})
TRASHNET = Path(__file__).parents[3] / "shared" / "trashnet" / "images"


def text(value):
    return value.decode()


def test_every_field_is_where_the_published_schema_has_it():
    published = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")
    content = tflite_metadata.encode(METADATA, INFO)
    assert published.ModelMetadata.ModelMetadataBufferHasIdentifier(content, 0)
    model = published.ModelMetadataT.InitFromObj(published.ModelMetadata.GetRootAs(content, 0))
    assert text(model.name) == "Toy" and text(model.license) == "Apache-2.0"
    assert text(model.description) == "Tells colours apart."
    assert text(model.version) == INFO.version and text(model.author) == "trash_keras"
    assert [text(file.name) for file in model.associatedFiles] == ["about.json"]
    (graph,) = model.subgraphMetadata
    (image,), (probabilities,) = graph.inputTensorMetadata, graph.outputTensorMetadata
    properties = image.content.contentProperties
    assert properties.colorSpace == published.ColorSpaceType.RGB
    assert (properties.defaultSize.width, properties.defaultSize.height) == (16, 16)
    (unit,) = image.processUnits
    assert (list(unit.options.mean), list(unit.options.std)) == ([0.0], [1.0])
    assert (list(image.stats.min), list(image.stats.max)) == ([0.0], [255.0])
    assert "crop" in text(image.description) and "0.6000" in text(probabilities.description)
    assert (list(probabilities.stats.min), list(probabilities.stats.max)) == ([0.0], [1.0])
    (labels,) = probabilities.associatedFiles
    assert text(labels.name) == "labels.txt"
    assert labels.type == published.AssociatedFileType.TENSOR_AXIS_LABELS


def compare_with_mediapipe(path, inputs):
    """Checks labels, and scores within 0.02; images are uint8 [N, side, side, 3]."""
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions
    from mediapipe.tasks.python.vision import ImageClassifier, ImageClassifierOptions

    predictor = Predictor.load(path)
    names = predictor.metadata.class_names
    expected = predictor.predict_batch(inputs)
    options = ImageClassifierOptions(BaseOptions(model_asset_path=str(path)))
    with ImageClassifier.create_from_options(options) as media_pipe:
        for original, row in zip(inputs, expected, strict=True):
            # Through Pillow: MediaPipe keeps no reference to an array that goes away.
            data = np.array(Image.fromarray(original))
            image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=data)
            (prediction,) = media_pipe.classify(image).classifications
            scores = {found.category_name: found.score for found in prediction.categories}
            assert set(scores) == set(names)
            np.testing.assert_allclose([scores[name] for name in names], row, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float32", "float16", "dynamic", "int8"])
def test_mediapipe_gives_our_labels_and_scores(classifier, images, tmp_path, name):
    model = inference.build_inference_model(classifier, temperature=2.0)
    inputs = np.rint(images).astype(np.uint8)
    path = tmp_path / "model.tflite"
    getattr(tflite, f"write_{name}")(ExportSpec(model, METADATA, INFO, inputs.copy), path)
    compare_with_mediapipe(path, inputs)


@pytest.mark.slow
def test_mediapipe_runs_the_pretrained_model():
    """On real images where TrashNet is at hand."""
    metadata = ModelMetadata.read(pretrained.path())
    if TRASHNET.is_dir():
        files = [sorted(folder.glob("*.jpg"))[-1] for folder in sorted(TRASHNET.iterdir())]
        loaded = [decoding.load(file.read_bytes(), metadata.image_size, metadata.resize)
                  for file in files]  # fmt: skip
    else:
        side, generator = metadata.image_size, np.random.default_rng(0)
        loaded = [Image.fromarray(generator.integers(0, 256, (4, 4, 3), np.uint8)).resize(
            (side, side)) for _ in range(6)]  # fmt: skip
    compare_with_mediapipe(pretrained.path(), np.stack(loaded))
