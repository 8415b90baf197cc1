"""Report -> one HTML file with everything inside, for people who'd rather look than read."""

import base64
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from trash_keras import files

THUMBNAIL_SIDE = 160  # pixels, the longer side
MISTAKES_SHOWN = 24
WIDE_INTERVAL_BELOW = 100  # pictures
# What the README that this project grew from claimed for ResNet50, on validation.
ORIGINAL_CLASSES = {"cardboard", "glass", "metal", "paper", "plastic", "trash"}
ORIGINAL_ACCURACY = 0.8415


def write_page(
    path: str | os.PathLike,
    report: Mapping[str, Any],
    figures: Mapping[str, str | os.PathLike],
    data_dir: str | os.PathLike,
) -> None:
    """Writes a self-contained page.

    Args:
        path: HTML file to write.
        report: `class_names`, a section of `report.score` for each split, and optionally
            `bad_files`, `config` (section -> setting -> value) and `run` (name -> value).
        figures: Caption -> PNG file.
        data_dir: Folder that the files of the mistakes are relative to.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = lambda share: f"{share:.1%}"
    names = [name for name in ("train", "valid", "test", "all") if name in report]
    shown = names[-1]
    mistakes = [
        {**mistake, "picture": _thumbnail(Path(data_dir) / mistake["file"])}
        for mistake in report[shown].get("mistakes", ())[:MISTAKES_SHOWN]
    ]
    text = environment.get_template("page.html.j2").render(
        splits={name: report[name] for name in names},
        shown=shown,
        scores=report[shown],
        verdict=_verdict(report[shown], report["class_names"]),
        figures={name: _data_uri(Path(file).read_bytes(), "png") for name, file in figures.items()},
        mistakes=mistakes,
        bad_files=report.get("bad_files", ()),
        config=report.get("config", {}),
        run=report.get("run", {}),
    )  # fmt: skip
    files.write_text(path, text)


def _verdict(scores: Mapping[str, Any], class_names: list[str]) -> list[str]:
    """Puts the accuracy beside what it should be compared with, a sentence each."""
    examples = scores["examples"]
    supports = {name: row["support"] for name, row in scores["per_class"].items()}
    largest = max(supports, key=lambda name: supports[name])
    sentences = [
        f"Always answering {largest}, the most frequent class, "
        f"would be right for {supports[largest] / examples:.1%}."
    ]
    if examples < WIDE_INTERVAL_BELOW:
        sentences.append(
            f"With {examples} pictures the interval is wide: small differences mean nothing."
        )
    if set(class_names) == ORIGINAL_CLASSES:
        sentences.append(
            f"The README that this project grew from claimed {ORIGINAL_ACCURACY:.2%}, on "
            "validation pictures of TrashNet; compare it with runs on TrashNet only."
        )
    return sentences


def _thumbnail(path: Path) -> str | None:
    """Returns a small JPEG as a data URI, or None for a picture that cannot be read."""
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
    except OSError:
        return None
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=80)
    return _data_uri(encoded.getvalue(), "jpeg")


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
