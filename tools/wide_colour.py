"""Measures what colour profiles mean for predictions: Display P3 copies of photographs.

    python -m tools.wide_colour --data_dir=DIR [--model=FILE_OR_DIR]

Of TrashNet in DIR, the test images of its authors' split. Each is copied as a phone would have
stored the scene, its colours in Display P3, as a PNG. The copy is classified with its profile, and
with the profile removed, as if it were not read.
"""

import io
import struct
import sys
from collections.abc import Sequence

import numpy as np
from absl import flags
from PIL import Image, ImageCms
from tqdm import tqdm

from trash_keras import pretrained
from trash_keras.cli import launch
from trash_keras.cli.flags import reject_positional_arguments
from trash_keras.data import decoding, splits
from trash_keras.predictor import Prediction, Predictor

DATA_DIR = flags.DEFINE_string("data_dir", None, "Class folders of TrashNet.", required=True)
MODEL = flags.DEFINE_string("model", None, "A model file. Default: the one in the package.")

# Red, green and blue in XYZ, for the white D50, as Apple's and Adobe's profiles have them.
PRIMARIES = {
    "display_p3": (
        (0.51512, 0.2412, -0.00105),
        (0.29198, 0.69225, 0.04189),
        (0.1571, 0.06657, 0.78407),
    ),
    "adobe_rgb": (
        (0.60974, 0.31111, 0.01947),
        (0.20528, 0.62567, 0.06087),
        (0.14919, 0.06322, 0.74457),
    ),
}


def srgb() -> bytes:
    """Returns the profile of sRGB that Pillow brings."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def with_primaries(primaries: Sequence[Sequence[float]]) -> bytes:
    """Returns a profile of sRGB's tone curve with other primaries.

    Args:
        primaries: XYZ of red, green and blue.
    """
    profile = bytearray(srgb())
    count = int.from_bytes(profile[128:132])
    places = {
        bytes(profile[entry : entry + 4]): int.from_bytes(profile[entry + 4 : entry + 8])
        for entry in range(132, 132 + 12 * count, 12)
    }
    for tag, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        fixed = struct.pack(">3i", *(round(value * 65536) for value in colour))
        profile[places[tag] + 8 : places[tag] + 20] = fixed
    return bytes(profile)


def copy_in(image: Image.Image, profile: bytes) -> Image.Image:
    """Returns the same colours in another space: what a phone stores of an sRGB scene."""
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(each)) for each in (srgb(), profile))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    made = ImageCms.profileToProfile(image, source, target, intent)
    assert made is not None
    return made


def main(arguments: Sequence[str]) -> None:
    """Prints how far pixels and predictions change."""
    reject_positional_arguments(arguments)
    classifier = Predictor.load(MODEL.value or pretrained.path())
    profile = with_primaries(PRIMARIES["display_p3"])
    rows, levels = [], []
    paths, _ = splits.split(DATA_DIR.value, "official").examples("test")
    for path in tqdm(paths, unit="image"):
        scene = Image.fromarray(decoding.decode(decoding.read_bytes(f"{DATA_DIR.value}/{path}")))
        copy = copy_in(scene, profile)
        files = []
        for tag in (profile, b""):
            file = io.BytesIO()
            copy.save(file, "PNG", icc_profile=tag, compress_level=1)
            files.append(file.getvalue())
        rows.append(classifier.predict([np.asarray(scene), *files]))
        seen = [np.abs(decoding.decode(file) - np.asarray(scene, np.float32)) for file in files]
        levels.append([float(one.mean()) for one in seen])
    for column, name in ((1, "profile converted"), (2, "profile not read")):
        off = np.mean(levels, axis=0)[column - 1]
        print(f"{name}: {off:.2f} levels a value, {_changes(rows, column)}")


def _changes(rows: Sequence[Sequence[Prediction]], column: int) -> str:
    """Says how the predictions of a column differ from those of the first."""
    labels = sum(row[0].label != row[column].label for row in rows)
    classes = sum(row[0].top_k(1)[0][0] != row[column].top_k(1)[0][0] for row in rows)
    moved = [abs(row[0].probability - row[column].probability) for row in rows]
    return (
        f"{labels} of {len(rows)} labels change ({labels / len(rows):.1%}; {classes} to another "
        f"class, the rest to or from unsure), confidence moves by {np.mean(moved):.4f}"
    )


if __name__ == "__main__":
    launch.run(sys.modules["__main__"])
