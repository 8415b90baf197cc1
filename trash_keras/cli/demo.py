"""Serves a web page that classifies files and camera frames in the browser.

    trash-keras demo [--model=RUN/export/model_int8.tflite] [--port=8000] [--open]

The page takes dropped, pasted and chosen files. The model runs in the page (inference by
LiteRT.js), and no image leaves it. LiteRT.js comes from npm the first time, into
~/.cache/trash_keras.
"""

import webbrowser
from collections.abc import Sequence

from absl import flags

from trash_keras import pretrained
from trash_keras.cli.flags import define_model, reject_positional_arguments

MODEL = define_model("A .tflite file of `trash-keras export`.")
HOST = flags.DEFINE_string(
    "host", "127.0.0.1", "Where to listen; 0.0.0.0 for other devices, which get no camera then."
)
PORT = flags.DEFINE_integer("port", 8000, "Port; 0 for any that is free.", 0, 65535)
OPEN = flags.DEFINE_bool("open", False, "Opens the page in the browser.")


def main(paths: Sequence[str]) -> None:
    """Serves until Ctrl-C."""
    reject_positional_arguments(paths)

    from trash_keras.serving.web_demo import Server, Site

    model = MODEL.value or str(pretrained.path())
    with Server(Site.of(model), HOST.value, PORT.value) as server:
        print(f"Serving {model} at {server.address} until Ctrl-C")
        if OPEN.value:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
