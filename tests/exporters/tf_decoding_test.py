import numpy as np
import pytest
import tensorflow as tf

from tests.support import odd_files
from trash_keras.data import decoding, pipeline
from trash_keras.data.catalog import single_split
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.exporters import tf_decoding

GOOD = [file for file in odd_files.corpus() if file.colours]
SIDE = 24


@pytest.fixture(scope="module")
def served():
    """`serve_bytes` up to the model, by resize."""

    def build(resize):
        return tf.function(
            lambda one: tf_decoding.resize_to_square(tf_decoding.decode(one), SIDE, resize),
            input_signature=[tf.TensorSpec((), tf.string)],
        )

    return {resize: build(resize) for resize in decoding.RESIZES}


@pytest.fixture(scope="module")
def trained_on(tmp_path_factory):
    """The images of the corpus as training sees them, by resize and name."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "all").mkdir()
    for file in GOOD:
        (folder / "all" / file.name).write_bytes(file.encoded)
    reader = FolderReader(folder)
    catalog = single_split(reader.files_by_class())
    names = [path.split("/")[1] for path in catalog.examples("all")[0]]

    def read(resize):
        images = pipeline.load_split(Split(catalog, "all", reader, SIDE, resize))
        return dict(zip(names, (image.numpy() for image, _ in images), strict=True))

    return {resize: read(resize) for resize in decoding.RESIZES}


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.name)
def test_same_bytes_same_pixels_in_training_prediction_and_serving(file, trained_on, served):
    for resize in decoding.RESIZES:
        predicted = decoding.load(file.encoded, SIDE, resize)
        np.testing.assert_array_equal(trained_on[resize][file.name], predicted)
        if file.served:
            image = served[resize](tf.constant(file.encoded)).numpy()
            np.testing.assert_allclose(image.astype(int), predicted, rtol=0, atol=1)


@pytest.mark.parametrize(
    "file",
    [file for file in odd_files.corpus() if not file.served and file.name != "no_end.png"],
    ids=lambda file: file.name,
)
def test_what_cannot_be_served_is_refused_with_what_to_do(file, served):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"serve_bytes takes .* Convert"):
        served["stretch"](tf.constant(file.encoded))


@pytest.mark.parametrize(
    "file",
    [file for file in odd_files.corpus() if file.reason and file.name != "text_bomb.png"],
    ids=lambda file: file.name,
)
def test_a_bad_file_is_an_error(file, served):
    with pytest.raises(tf.errors.InvalidArgumentError):
        served["stretch"](tf.constant(file.encoded))


def test_an_unknown_resize_is_refused():
    with pytest.raises(ValueError, match="Received: 'squash'"):
        tf_decoding.resize_to_square(np.zeros((2, 2, 3), np.uint8), 4, "squash")
