"""Runs the notebook on drawn images and keeps its outputs in it, small.

python -m tools.run_notebook
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

from trash_keras.storage import local

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "model-train.ipynb"
WIDTH = 640  # pixels at most, of a picture in it
COLOURS = 96  # of a picture's palette: a third of the bytes, and nobody measures these figures
PNG = "image/png"
# What tells nothing of another machine: the times of Keras' epochs, and TensorFlow's notes.
NOISE = re.compile(r" - \d+m?s - \d+m?s/step|^INFO:tensorflow:.*\n", re.MULTILINE)


def sources_sha256(notebook: nbformat.NotebookNode) -> str:
    """Returns the digest of all code, by which the outputs are known to belong to it.

    Args:
        notebook: As nbformat reads it.
    """
    sources = (cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def shrink(encoded: str) -> str:
    """Makes a picture of an output small.

    Args:
        encoded: A PNG file in base 64.

    Returns:
        The same, of at most `WIDTH` pixels and `COLOURS` colours.
    """
    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    picture.thumbnail((WIDTH, picture.height))
    content = io.BytesIO()
    picture.quantize(COLOURS).save(content, "PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode()


def kept(outputs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the outputs that tell a reader something: no progress bars, small pictures.

    Args:
        outputs: Those of one cell; what it printed becomes one of them.
    """
    chosen: list[dict[str, Any]] = []
    for output in outputs:
        if PNG in output.get("data", {}):
            output["data"][PNG] = shrink(output["data"][PNG])
        if output.get("name") == "stdout":
            output["text"] = NOISE.sub("", output["text"])
            if chosen and chosen[-1].get("name") == "stdout":
                chosen[-1]["text"] += output["text"]
                continue
        if output.get("name") != "stderr":
            chosen.append(output)
    return chosen


def run(path: Path = NOTEBOOK) -> None:
    """Runs a notebook in its folder and writes it with its outputs.

    Args:
        path: The notebook, which is replaced once all its cells have run.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed; the file is as before.
    """
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    metadata = dict(notebook.metadata)
    NotebookClient(
        notebook, timeout=3600, startup_timeout=600, record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()  # fmt: skip
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = kept(cell.outputs)
    notebook.metadata = nbformat.from_dict(metadata | {"sources_sha256": sources_sha256(notebook)})
    nbformat.validate(notebook)
    with local.atomic_write(path) as partial:
        partial.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run()
