"""The app's own code, compiled and run: it reads model files and images as the package does."""

import dataclasses
import io
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from tests.support import words
from trash_keras.data import decoding
from trash_keras.metadata import UNSURE, ModelMetadata
from trash_keras.predictor import Predictor

pytestmark = pytest.mark.slow
SIZES = [(480, 640), (37, 23), (16, 16), (5, 3), (1, 1), (9, 700), (300, 2)]  # height, width


def form(tensor):
    """Says shape and numbers of a tensor as harness.kt reads them."""
    scale, zero_point = tensor["quantization"]
    shape = "x".join(map(str, tensor["shape"]))
    floats = "float" if tensor["dtype"] == np.float32 else tensor["dtype"].__name__
    return f"{shape},{floats},{scale},{zero_point}"


def write_argb(path, image):
    """Writes uint8 [height, width, 3 or 4] as Android's integers; returns height and width."""
    if image.shape[2] == 3:
        image = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    path.write_bytes(image[..., [3, 0, 1, 2]].tobytes())
    return image.shape[:2]


@pytest.mark.parametrize("resize", decoding.RESIZES)
def test_squares_are_those_of_training(on_jvm, tmp_path, resize):
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 256, (*size, 3), np.uint8) for size in SIZES]
    commands = []
    for index, image in enumerate(images):
        height, width = write_argb(tmp_path / str(index), image)
        commands.append(f"square {tmp_path / str(index)} {width} {height} 24 {resize.upper()}")
    assert on_jvm(commands) == ["done"] * len(images)
    for index, image in enumerate(images):
        expected = decoding.resize_to_square(image, 24, resize)
        square = np.frombuffer((tmp_path / str(index)).read_bytes(), np.uint8)
        np.testing.assert_array_equal(square.reshape(24, 24, 3), expected)


def test_transparency_becomes_white(on_jvm, tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)
    write_argb(tmp_path / "pixels", levels)
    on_jvm([f"square {tmp_path / 'pixels'} 8 8 8 STRETCH"])
    encoded = io.BytesIO()
    Image.fromarray(levels).save(encoded, "PNG")
    square = np.frombuffer((tmp_path / "pixels").read_bytes(), np.uint8).reshape(8, 8, 3)
    np.testing.assert_array_equal(square, decoding.decode(encoded.getvalue()))


def test_metadata_is_read_from_the_files(on_jvm, exported, tmp_path):
    metadata = ModelMetadata.read(exported["float32"])
    odd = dataclasses.replace(
        metadata, class_names=('Müll \\ "andrer"', "日本"), resize="pad", threshold=0.25
    )
    twice, bare = tmp_path / "twice.tflite", tmp_path / "bare.tflite"
    for path in (twice, bare):
        path.write_bytes(b"\0" * 999)
    metadata.embed(twice)
    with pytest.warns(UserWarning, match="Duplicate name"):
        odd.embed(twice)  # the last one counts
    *read, refused = on_jvm([f"metadata {path}" for path in [*exported.values(), twice, bare]])
    for line, expected in zip(
        read, [*map(ModelMetadata.read, exported.values()), odd], strict=True
    ):
        *texts, threshold = line.split("\t")
        assert texts == [
            *expected.class_names, str(expected.image_size), expected.resize.upper(),
        ]  # fmt: skip
        assert float(threshold) == expected.threshold
    assert refused.startswith("error: expected a .tflite file of trash-keras export")


def test_packed_metadata_is_read(on_jvm, exported, tmp_path):
    metadata = ModelMetadata.read(exported["float32"])
    packed = tmp_path / "packed.tflite"
    packed.write_bytes(b"\0" * 99)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", metadata.labels_text())
        with zipfile.ZipFile(exported["float32"]) as ours:
            archive.writestr("trash_keras.json", ours.read("trash_keras.json"))
    assert on_jvm([f"metadata {packed}"]) == on_jvm([f"metadata {exported['float32']}"])


def test_tensors_fit_what_the_app_expects(on_jvm, exported):
    commands, misfits = [], []
    for path in exported.values():
        interpreter = Interpreter(model_path=str(path))
        (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
        commands.append(f"check {path} {form(source)} {form(target)}")
        misfits.append(f"check {path} 1x8x8x3,float,0.0,0 {form(target)}")
        misfits.append(f"check {path} {form(source)} 1x7,float,0.0,0")
        shape = form(source).split(",")[0]
        misfits.append(f"check {path} {shape},uint8,0.5,0 {form(target)}")
    assert on_jvm(commands) == ["fits"] * len(commands)
    assert all(line.startswith("error: expected") for line in on_jvm(misfits))


def test_bytes_go_in_as_they_are_and_come_out_as_probabilities(on_jvm, exported, tmp_path):
    model, levels, shares = exported["float32"], tmp_path / "levels", tmp_path / "shares"
    levels.write_bytes(bytes(range(192)))
    shares.write_bytes(bytes([6, 251, 5]))
    done, said = on_jvm([
        f"write 1x8x8x3,uint8,1.0,0 {levels}",
        f"predict {model} 1x3,uint8,0.00390625,3 {shares}",
    ])  # fmt: skip
    assert done == "done" and levels.read_bytes() == bytes(range(192))
    names = ModelMetadata.read(model).class_names
    ranked = [names[1], str(248 / 256), names[0], str(3 / 256), names[2], str(2 / 256)]
    assert said.split("\t") == [names[1], *ranked]


def test_predictions_are_those_of_predict(on_jvm, exported, doubtful, tmp_path):
    images = list(map(str, sorted(doubtful[1].glob("*/*.png"))[::8]))
    labels = set()
    for path in exported.values():
        said = predictions(on_jvm, path, images, tmp_path)
        for line, expected in zip(said, Predictor.load(path).predict_stream(images), strict=True):
            label, *ranked = line.split("\t")
            labels.add(label)
            assert label == expected.label
            assert ranked[::2] == [name for name, _ in expected.top_k()]
            shares = [share for _, share in expected.top_k()]
            np.testing.assert_allclose([float(share) for share in ranked[1::2]], shares, rtol=1e-6)
    assert UNSURE in labels and len(labels) > 1


def test_words_are_those_of_predict(on_jvm, app):
    texts = {
        each.get("name"): each.text.replace("%1$s", "{0}").replace("%2$s", "{1}")
        for each in ET.parse(app.sources / "res/values/strings.xml").getroot()
    }
    cases = words.cases()
    commands = [f"say {threshold} {' '.join(map(str, row))}" for threshold, row in cases]
    phrases = set()
    for case, said in zip(cases, on_jvm(commands), strict=True):
        phrase, share, *candidates = said.split("\t")
        phrases.add(phrase)
        expected = words.predict(*case)
        assert candidates == [name for name, _ in expected.candidates]
        several = phrase == "EITHER"
        named = [", ".join(candidates[:-1]), candidates[-1]] if several else candidates[:1]
        headline = "{0}" if phrase == "SURE" else texts[phrase.lower()]
        certainty = {"SURE": "{0}", "EITHER": "", "UNKNOWN": ""}.get(phrase, texts["not_sure"])
        shown = [headline.format(*named), certainty.format(share)]
        assert ", ".join(filter(None, shown)) == expected.words
    assert phrases == {"SURE", "PROBABLY", "PERHAPS", "EITHER", "UNKNOWN"}


def test_the_answer_is_the_mean_of_the_last_five_frames(on_jvm):
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 9).astype(np.float32)
    given = [",".join(map(str, row)) for row in rows.tolist()]
    (said,) = on_jvm([" ".join(["smooth", *given[:8], "clear", given[8]])])
    *means, cleared, first = said.split("\t")
    for index, mean in enumerate(means):
        expected = rows[max(0, index - 4) : index + 1].astype(float).mean(axis=0)
        np.testing.assert_allclose([float(each) for each in mean.split(",")], expected, rtol=1e-6)
    assert (len(means), cleared) == (8, "clear")
    np.testing.assert_allclose([float(each) for each in first.split(",")], rows[8], rtol=1e-6)


def test_the_square_of_a_frame_is_its_middle(on_jvm):
    said = on_jvm(["part 0 0 640 480", "part 10 20 480 641", "part 3 4 5 5"])
    assert said == ["80 0 480 480", "10 100 480 480", "3 4 5 5"]


def test_refused_for_good_leads_to_the_settings(on_jvm):
    cases = {
        "true false false": "ALLOWED", "true true true": "ALLOWED",  # allowed, as of before
        "false false false": "ASK",  # never asked
        "false false true": "ASK", "false true true": "ASK",  # refused once
        "false true false": "SETTINGS",
    }  # fmt: skip
    assert on_jvm([f"access {case}" for case in cases]) == list(cases.values())


def test_float_goes_to_an_accelerator_and_int8_to_the_cpu(on_jvm, model_files):
    small, exact = model_files["int8"], model_files["float"]
    said = on_jvm([
        f"choices {small} CPU,GPU,NPU",
        f"choices {small},{exact},labels.txt CPU,GPU",
        f"choices {small},{exact} CPU,NPU,GPU",
        f"choices {exact} ",
        "choices other.tflite CPU,GPU",
    ])  # fmt: skip
    assert [line.split("\t") for line in said] == [
        [f"{small} CPU"],
        [f"{exact} GPU", f"{small} CPU", f"{exact} CPU"],
        [f"{exact} NPU", f"{exact} GPU", f"{small} CPU", f"{exact} CPU"],
        [f"{exact} CPU"],
        [""],
    ]


def predictions(on_jvm, model, images, folder):
    """Predicts as the app does, with LiteRT for Python instead of Android's."""
    interpreter = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    metadata = ModelMetadata.read(model)
    tensors = [folder / str(index) for index in range(len(images))]
    commands = []
    for tensor, image in zip(tensors, images, strict=True):
        height, width = write_argb(tensor, decoding.decode(decoding.read_bytes(image)))
        form_of_square = f"{metadata.image_size} {metadata.resize.upper()}"
        commands.append(f"square {tensor} {width} {height} {form_of_square}")
        commands.append(f"write {form(source)} {tensor}")
    on_jvm(commands)
    for tensor in tensors:
        given = np.frombuffer(tensor.read_bytes(), source["dtype"])
        interpreter.set_tensor(source["index"], given.reshape(source["shape"]))
        interpreter.invoke()
        tensor.write_bytes(interpreter.get_tensor(target["index"]).tobytes())
    return on_jvm([f"predict {model} {form(target)} {tensor}" for tensor in tensors])
