"""Each kind of input to `Predictor.predict` and `predict_proba`."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

import trash_keras as tk

CLASSIFIER = tk.load()


def noise(height=40, width=56, channels=3):
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (height // 8, width // 8, channels), np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    return encoded(Image.fromarray(noise()), "JPEG", exif=exif)


def see_through():
    return encoded(Image.fromarray(noise(channels=4), "RGBA"), "PNG")


def grey(bits=8):
    pixels = noise(channels=1)[..., 0]
    return encoded(Image.fromarray(pixels.astype(np.uint16) * 256 if bits == 16 else pixels), "PNG")


def keyed():
    return encoded(Image.fromarray(noise()), "PNG", transparency=tuple(noise()[0, 0].tolist()))


def palette():
    return encoded(Image.fromarray(noise()).quantize(7), "PNG")


FILES = {
    "jpeg_with_exif": turned(),
    "rgba": see_through(),
    "grey": grey(),
    "grey_of_16_bits": grey(16),
    "transparent_colour": keyed(),
    "palette": palette(),
    "bilevel": encoded(Image.fromarray(noise()).convert("1"), "PNG"),
    "grey_with_alpha": encoded(Image.fromarray(noise(channels=2), "LA"), "PNG"),
    "cmyk_jpeg": encoded(Image.fromarray(noise(channels=4), "CMYK"), "JPEG"),
    "webp": encoded(Image.fromarray(noise(channels=4), "RGBA"), "WEBP"),
    "gif": encoded(Image.fromarray(noise()).quantize(7), "GIF"),
}


@pytest.mark.parametrize("name", FILES)
def test_file_bytes_and_pil_image_give_the_same(name, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(FILES[name])
    image = Image.open(path)
    expected = CLASSIFIER.predict(path)
    assert CLASSIFIER.predict(str(path)) == expected and expected.file == str(path)
    assert CLASSIFIER.predict(FILES[name]).probabilities == expected.probabilities
    info = dict(image.info)
    assert CLASSIFIER.predict(image) == expected
    assert {key: image.info[key] for key in info} == info
    assert CLASSIFIER.predict(Image.open(io.BytesIO(FILES[name]))).file == ""


def test_the_same_pixels_give_the_same_in_every_form():
    pixels = noise()
    expected = CLASSIFIER.predict(encoded(Image.fromarray(pixels), "PNG")).probabilities
    forms = [
        pixels, pixels.astype(np.float32), pixels.astype(np.float64) + 0.25,
        pixels[:, ::-1][:, ::-1], Image.fromarray(pixels), Image.fromarray(pixels).convert("RGBA"),
    ]  # fmt: skip
    for prediction in CLASSIFIER.predict(forms):
        assert prediction.probabilities == expected and prediction.file == ""
    proba = CLASSIFIER.predict_proba(np.stack([pixels, pixels]).astype(np.float16))
    assert proba.dtype == np.float32 and proba.shape == (2, 6)
    assert proba[1].tolist() == pytest.approx(list(expected.values()))


def test_an_orientation_that_was_applied_is_not_applied_again():
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(turned())))
    assert upright.size == (40, 56)
    assert CLASSIFIER.predict(upright) == CLASSIFIER.predict(turned())


def test_a_cmyk_image_made_in_memory_is_not_inverted():
    white = Image.new("RGB", (40, 30), "white")
    expected = CLASSIFIER.predict(white)
    assert CLASSIFIER.predict(white.convert("CMYK")) == expected


def test_several_images_give_a_list_of_any_length_in_order(tmp_path):
    (tmp_path / "below").mkdir()
    paths = [tmp_path / name for name in ("a.png", "b.png", "below/c.png")]
    for level, path in enumerate(paths):
        Image.new("RGB", (20, 20), (80 * level, 90, 100)).save(path)
    (tmp_path / "notes.txt").write_text("no image")
    apart = [CLASSIFIER.predict(path) for path in paths]
    assert len({str(one.probabilities) for one in apart}) == 3
    for folder in (tmp_path, str(tmp_path)):
        assert CLASSIFIER.predict(folder) == apart
    assert CLASSIFIER.predict(paths, batch_size=2) == CLASSIFIER.predict(iter(paths)) == apart
    arrays = np.stack([np.asarray(Image.open(path)) for path in paths])
    proba = CLASSIFIER.predict_proba(arrays, batch_size=2)
    assert [list(one.probabilities.values()) for one in apart] == proba.tolist()
    assert [one.probabilities for one in CLASSIFIER.predict(arrays)] == [
        one.probabilities for one in apart
    ]
    assert (CLASSIFIER.predict_proba(paths) == proba).all()


def test_a_file_that_cannot_be_read_has_an_error_among_others_and_raises_alone(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"text")
    good = Image.fromarray(noise())
    good.save(tmp_path / "good.png")
    cut = Image.open(io.BytesIO(turned()[:-200]))
    found = CLASSIFIER.predict([bad, tmp_path / "gone.jpg", good, b"", cut, tmp_path / "good.png"])
    errors = [one.error for one in found]
    assert errors == [
        "not a JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF file",
        "cannot be read: No such file or directory", "", "empty file", "truncated JPEG", "",
    ]  # fmt: skip
    assert [one.label != "" for one in found] == [not error for error in errors]
    assert found[0].file == str(bad) and found[0].probability == 0 and found[0].top_k(3) == []
    assert repr(found[3]) == "<Prediction error: empty file>"
    for image, message in ((bad, r"bad\.jpg: not a JPEG"), (b"", "^The image: empty file"),
                           (str(tmp_path / "gone.jpg"), r"gone\.jpg: cannot be read")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            CLASSIFIER.predict(image)
    with pytest.raises(ValueError, match=r"bad\.jpg: not a JPEG"):
        CLASSIFIER.predict_proba([good, bad])


def changed(values):
    pixels = noise().astype(np.float32)
    pixels[3, 4, 1] = values
    return pixels


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (noise()[..., 0], r"shape \[height, width, 3\], RGB\. Received: \[40, 56\]"),
        (noise(channels=4), r"Received: \[40, 56, 4\]"),
        (noise()[:0], r"Received: \[0, 56, 3\]"),
        (noise().astype(np.int64), "must be uint8 or float, 0..255. Received: int64"),
        (noise() > 9, "Received: bool"),
        (changed(np.nan), "must be 0..255. Received: nan to nan"),
        (changed(256), "must be 0..255. Received: 0 to 256"),
        (changed(-1), "must be 0..255. Received: -1 to 248"),
        (noise() / np.float32(255), "scaled to 0..1: multiply by 255"),
        (Image.new("F", (8, 8)), "Received: mode F, 8 x 8 pixels"),
        (Image.new("RGB", (0, 8)), "Received: mode RGB, 0 x 8 pixels"),
        ([3], "a PIL image or an array .* Received: int"),
        ([[noise()]], "Received: list"),
        ([noise(), noise()[None]], r"Received: \[1, 40, 56, 3\]"),
        ([], "no images to predict"),
        (np.empty((0, 8, 8, 3), np.uint8), "no images to predict"),
    ],
)  # fmt: skip
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        CLASSIFIER.predict(image)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no images"):
        CLASSIFIER.predict(tmp_path)


def test_probabilities_of_one_image_are_refused():
    with pytest.raises(ValueError, match=r"images\[None\]\. Received: \[40, 56, 3\]"):
        CLASSIFIER.predict_proba(noise())


def test_black_and_nearly_black_are_images():
    black, nearly = np.zeros((8, 8, 3)), np.eye(8)[..., None].repeat(3, axis=2)
    assert not any(one.error for one in CLASSIFIER.predict([black, nearly]))


def test_they_introduce_themselves():
    prediction = CLASSIFIER.with_threshold(0).predict(noise())
    assert repr(prediction) == f"<Prediction {prediction.format(3)}>" and "%" in repr(prediction)
    assert repr(CLASSIFIER.with_threshold(1).predict(noise())).endswith("%)>")
    assert repr(CLASSIFIER).startswith("<Predictor of cardboard, glass, metal")
