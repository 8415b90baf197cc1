"""Report -> one HTML file with everything inside, for people who'd rather look than read."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from trash_keras.evaluation import html

# The splits in the order of the page, and how to call their pictures.
SPLITS = {"train": "training", "valid": "validation", "test": "test", "all": "scored"}
MISTAKES_SHOWN = 24
BAD_FILES_SHOWN = 200
WIDE_INTERVAL_BELOW = 100  # pictures
# Base64 adds a third, and the thumbnails need up to half a megabyte: the page stays under 5 MB.
FIGURE_BYTES = 3_000_000
# A figure is drawn about this much larger than a page shows it; below, its numbers can't be read.
READABLE_SCALE = 0.42
# What the README that this project grew from claimed, on validation pictures.
ORIGINAL_CLASSES = {"cardboard", "glass", "metal", "paper", "plastic", "trash"}
ORIGINAL_ACCURACY = 0.8415
# Read with the module: a training of hours must not meet a newer template at its end.
TEMPLATE = Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")


def write_page(
    path: str | os.PathLike,
    report: Mapping[str, Any],
    figures: Mapping[str, str | os.PathLike],
    pictures: Mapping[str, bytes],
) -> None:
    """Writes a self-contained page of less than 5 MB, complete or not at all.

    The verdict, the table of classes and the mistakes are those of the test split, or of the last
    split that there is.

    Args:
        path: HTML file to write.
        report: `class_names`, a section of `report.score` for at least one of the splits train,
            valid, test and all, and optionally `bad_files`, `config` (section -> setting ->
            value) and `run` (name -> value).
        figures: Caption, also the alternative text -> PNG file.
        pictures: File of a mistake -> its encoded bytes. A picture that is missing or cannot be
            decoded is shown as a grey box.

    Raises:
        ValueError: The report has no split.
        OSError: A figure cannot be read, or the page not be written.
    """
    names = [name for name in SPLITS if name in report]
    if not names:
        raise ValueError(f"Expected a report with one of the splits {', '.join(SPLITS)}.")
    shown = "test" if "test" in names else names[-1]
    matrix = report[shown]["confusion_matrix"]
    html.write(
        path,
        TEMPLATE,
        splits={name: report[name] for name in names},
        shown=shown,
        kind=SPLITS[shown],
        scores=report[shown],
        verdict=_verdict(report, shown),
        figures=[_figure(file, caption, len(figures)) for caption, file in figures.items()],
        mistaken=report[shown]["examples"] - sum(row[i] for i, row in enumerate(matrix)),
        mistakes=_mistakes(report[shown], pictures),
        bad_files=report.get("bad_files") or (),
        bad_files_shown=BAD_FILES_SHOWN,
        config=report.get("config") or {},
        run=html.ordered(report.get("run") or {}),
    )  # fmt: skip


def _verdict(report: Mapping[str, Any], shown: str) -> list[str]:
    """Puts the accuracy beside what it should be compared with, a sentence or two each."""
    scores = report[shown]
    examples = scores["examples"]
    low, high = scores["accuracy_interval"]
    supports = {name: row["support"] for name, row in scores["per_class"].items()}
    largest = max(supports, key=lambda name: supports[name])
    share = supports[largest] / examples
    if low > share:
        # The difference of the numbers as printed, or a reader who checks it finds a mistake.
        points = round(100 * scores["accuracy"], 1) - round(100 * share, 1)
        gain = f"this model is {points:.1f} percentage points above it."
    else:
        gain = "this model is not shown to be better than that."
    verdict = [
        f"Always answering “{largest}”, the most frequent class, would be right for {share:.1%}; "
        + gain
    ]
    if examples < WIDE_INTERVAL_BELOW:
        counted = "1 picture was" if examples == 1 else f"{examples} pictures were"
        verdict.append(
            f"Only {counted} scored, so the interval is wide: the true accuracy "
            f"may well be anywhere from {low:.1%} to {high:.1%}."
        )
    if shown == "train":
        verdict.append("The model was trained on these very pictures, which flatters it.")
    if shown == "all":
        verdict.append("If the model was trained on any of these pictures, they flatter it.")
    if set(report["class_names"]) == ORIGINAL_CLASSES:
        verdict.append(_beside_the_original(report, shown))
    return verdict


def _beside_the_original(report: Mapping[str, Any], shown: str) -> str:
    """Compares with the claim of the original README, like with like where that is possible."""
    split = "valid" if "valid" in report else shown
    low, high = report[split]["accuracy_interval"]
    if low <= ORIGINAL_ACCURACY <= high:
        place = "inside that interval, so neither is shown to be better"
    else:
        place = "below that interval" if low > ORIGINAL_ACCURACY else "above that interval"
    return (
        f"The README that this project grew from claimed {ORIGINAL_ACCURACY:.2%}, on validation "
        f"pictures of TrashNet. {'Like' if split == 'valid' else 'Not quite like'} with like, "
        f"this model reaches {report[split]['accuracy']:.1%} on its {SPLITS[split]} pictures "
        f"(95% interval {low:.1%} to {high:.1%}); the claim is {place}. "
        "That says something only where these are pictures of TrashNet, too."
    )


def _mistakes(scores: Mapping[str, Any], pictures: Mapping[str, bytes]) -> list[dict[str, Any]]:
    mistakes = (scores.get("mistakes") or ())[:MISTAKES_SHOWN]
    return [
        {**found, "picture": html.thumbnail(pictures.get(found["file"], b""))} for found in mistakes
    ]


def _figure(path: str | os.PathLike, caption: str, figures: int) -> dict[str, Any]:
    """Returns a figure for the template, made smaller if it would take more than its share."""
    content = Path(path).read_bytes()
    with Image.open(io.BytesIO(content)) as opened:
        picture = opened.convert("RGB")
    width, height = picture.size
    while len(content) > FIGURE_BYTES // figures:
        picture = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4))
        encoded = io.BytesIO()
        picture.save(encoded, "PNG", optimize=True)
        content = encoded.getvalue()
    return {
        "caption": caption,
        "source": html.data_uri(content, "png"),
        "width": width,
        "height": height,
        "least_width": round(READABLE_SCALE * width),
    }
