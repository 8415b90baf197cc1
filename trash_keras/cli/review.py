"""Serves a page to name images that a model is unsure of (active learning).

    trash-keras review DIR [--model=FILE_OR_DIR] [--port=8000] [--open]

`trash-keras predict --save_unsure=DIR PATH...` makes DIR; any other folder of images will do.
The page is for browsers on this machine alone. Those images come first that teach the model most.
Each answer is saved at once: a copy of the image in DIR/named/CLASS, class folders for training,
or in DIR/none_of_these. The same command goes on where you stopped. See docs/review.md.
"""

import sys
import webbrowser
from collections.abc import Sequence

from absl import flags

from trash_keras import pretrained
from trash_keras.cli import launch
from trash_keras.storage.names import printable

MODEL = flags.DEFINE_string(
    "model",
    None,
    "A .keras, .tflite or .onnx file or a SavedModel folder. Default: the one of `predict "
    "--save_unsure`, or the one that comes with the package.",
)
PORT = flags.DEFINE_integer("port", 8000, "Port; 0 for any that is free.", 0, 65535)
OPEN = flags.DEFINE_bool("open", False, "Opens the page in the browser.")


def main(paths: Sequence[str]) -> None:
    """Serves until Ctrl-C."""
    if len(paths) != 1:
        raise ValueError(
            "Name one folder of images: trash-keras review DIR. Received: "
            f"{' '.join(paths) or 'none'}"
        )

    with launch.quiet_imports():
        from trash_keras.review import collect, folders, pool, server, session

    place = folders.Folders(paths[0])
    model = MODEL.value or collect.read_record(place.root)["model"] or str(pretrained.path())
    with place.alone():
        loaded = pool.Model.load(model)
        found = pool.find(place, loaded)
        for name, why in found.unreadable.items():
            print(printable(f"error: {name}: {why}"), file=sys.stderr, flush=True)
        review = session.Session(place, found, loaded.predictor.class_names)
        with server.Server(review, PORT.value) as page:
            print(printable(f"{len(found.waiting)} images to name at {page.address} until Ctrl-C"))
            print(printable(f"Named: {len(found.named)}, as copies in {place.root}/named"))
            if OPEN.value:
                webbrowser.open(page.address)
            try:
                page.serve_forever()
            except KeyboardInterrupt:
                print()
