"""Serves a web page that classifies images in the browser, or writes it to host.

    trash-keras demo [--model=RUN/export/model_int8.tflite] [--port=8000] [--open]
    trash-keras demo --host=0.0.0.0 --https      for a phone in the same network
    trash-keras demo --export=DIR                for any web server, as GitHub Pages

The page takes dropped, pasted and chosen files and the camera. The model runs in the page
(inference by LiteRT.js), and no image leaves it. LiteRT.js comes from npm the first time, into
~/.cache/trash_keras.
"""

import sys
import webbrowser
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from trash_keras import pretrained
from trash_keras.cli.flags import define_model, reject_positional_arguments, reject_useless
from trash_keras.storage.names import printable

if TYPE_CHECKING:
    from trash_keras.serving.web_demo import Server, Site

MODEL = define_model("A .tflite file of `trash-keras export`.")
HOST = flags.DEFINE_string(
    "host",
    "127.0.0.1",
    "Where to listen; 0.0.0.0 for other devices, which get the camera with --https alone.",
)
PORT = flags.DEFINE_integer("port", 8000, "Port; 0 for any that is free.", 0, 65535)
HTTPS = flags.DEFINE_bool(
    "https",
    False,
    "Encrypts, with a new self-signed certificate, of which each browser warns once.",
)
OPEN = flags.DEFINE_bool("open", False, "Opens the page in the browser.")
EXPORT = flags.DEFINE_string(
    "export",
    None,
    "Writes the page into this folder instead of serving it: static files for any web server, "
    "which browsers can install and open offline. It links to the address in the variable "
    "TRASH_KERAS_REPOSITORY.",
)


def main(paths: Sequence[str]) -> None:
    """Serves until Ctrl-C, or writes a folder."""
    reject_positional_arguments(paths)

    from trash_keras.serving import web_demo, web_export

    if EXPORT.value is not None:
        reject_useless([HOST, PORT, HTTPS, OPEN], "with --export")
        web_export.require_replaceable(EXPORT.value)
    model = MODEL.value or str(pretrained.path())
    site = web_demo.Site.of(model)
    if EXPORT.value is None:
        serve(site)
        return
    done = web_export.write(site, EXPORT.value)
    print(printable(f"Wrote {done.folder}: {done.files} files, {done.size / 1e6:.1f} MB"))
    if not web_demo.project():
        print(f"It links to no project: {web_demo.REPOSITORY}=https://... names one")


def serve(site: "Site") -> None:
    """Serves a site until Ctrl-C."""
    from trash_keras.serving import network, pages, tls, web_demo

    context, fingerprint = None, ""
    if HTTPS.value:
        addresses = {"127.0.0.1", network.lan_address(HOST.value) or ""}
        context, fingerprint = tls.self_signed(pages.host_names(HOST.value) | addresses)
    with web_demo.Server(site, HOST.value, PORT.value, context) as server:
        print(printable(f"Serving {site.model} at {server.address} until Ctrl-C"))
        if server.lan_address:
            tell_others(server)
        if fingerprint:
            print(f"The browser warns of the certificate once. Its SHA-256: {fingerprint}")
        if OPEN.value:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def tell_others(server: "Server") -> None:
    """Says how other devices reach the page, in a terminal with a QR code."""
    from trash_keras.serving import network

    print(f"Other devices in this network: {server.lan_address}")
    if not HTTPS.value:
        print("Their browsers give the camera to no page over http: start with --https")
    if hint := server.facts["hint"]:
        print(f"For a QR code: {hint}")
    elif sys.stdout.isatty() and (sys.stdout.encoding or "").lower().startswith("utf"):
        print(network.qr_code(str(server.lan_address), "terminal"), end="")
