"""What was measured of out-of-distribution (OOD) detection, in words and tables."""

from collections.abc import Mapping
from typing import Any

from trash_keras.metrics import ood

_FOLDER_SCORES = {"confidence": "confidence", "novelty": "OOD residual"}  # that their table shows


def summary(found: Mapping[str, Any]) -> str:
    """Returns lines for a person: the share of `unsure`, and the AUROC of confidence.

    Args:
        found: From `compare`, with `unreadable` and `folders`.
    """
    lines = [
        f"OOD detection: {found['unsure']:.1%} of {found['pictures']} OOD images unsure, "
        f"AUROC of confidence {found['scores']['confidence']['auroc']:.4f}, "
        f"{found['unreadable']} unreadable"
    ]
    for name, number, named, auroc, fpr, *_ in folder_rows(found)[1:]:
        lines.append(
            f"  {name}: {named} of {number} named with confidence, AUROC {auroc}, "
            f"FPR at 95% TPR {fpr}"
        )
    return "\n".join(lines)


def paragraphs(found: Mapping[str, Any]) -> list[str]:
    """Returns what was measured, in words.

    Args:
        found: From `compare`, with `unreadable`.
    """
    left_out = f" {found['unreadable']} more could not be read." if found["unreadable"] else ""
    return [
        f"Of {found['pictures']} out-of-distribution (OOD) images {found['unsure']:.1%} are "
        f"unsure; the rest get the name of a class.{left_out}",
        "AUROC is the probability that an image of the split has a higher score than an OOD image: "
        "0.5 is chance, 1 is perfect. FPR at 95% TPR is the share of OOD images above the "
        "threshold that accepts 95% of the split.",
    ]


def limit(report: Mapping[str, Any]) -> str:
    """Returns what the model does with images of other things, for its card.

    Args:
        report: Content of `report.json` of a training run.
    """
    start = "The model has no class for other things (out-of-distribution, OOD)."
    if not (report.get("answering") or {}).get("threshold"):
        return f"{start} Each gets the name of a class, some with high confidence."
    settings = (report.get("config") or {}).get("answering") or {}
    rule = "They are unsure where the confidence is low; the rest get the name of a class."
    if settings.get("ood_scaling"):
        rule = (
            "Images with features unlike those of the training images lose confidence, so that "
            "many are unsure; the rest get the name of a class."
        )
    return f"{start} {rule} `trash-keras evaluate --ood_dir=FOLDER` measures how many."


def rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Returns a table of the scores, its head first.

    Args:
        found: As for `paragraphs`.
    """
    return [["Score", "AUROC", "FPR at 95% TPR"]] + [
        [
            ood.SCORES[name].format(neighbours=found.get("neighbours")),
            f"{row['auroc']:.3f}",
            f"{row['fpr_at_95_tpr']:.1%}",
        ]
        for name, row in found["scores"].items()
    ]


def folder_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Returns a table of folders and kinds of OOD images, its head first.

    Args:
        found: As for `summary`.

    Returns:
        No rows but the head where there is only one folder, of one kind.
    """
    scores = [name for name in _FOLDER_SCORES if name in found["scores"]]
    head = ["OOD images", "Number", "Named with confidence"]
    for score in scores:
        title = _FOLDER_SCORES[score]
        head += [f"AUROC of {title}", f"FPR at 95% TPR of {title}"]
    rows = []
    for folder, figures in found.get("folders", {}).items():
        kinds = {f"{folder}: {kind or 'loose'}": row for kind, row in figures["kinds"].items()}
        for name, row in ({folder: figures} | kinds).items():
            line = [name, str(row["pictures"]), f"{1 - row['unsure']:.1%}"]
            for score in scores:
                area, passing = row["scores"][score].values()
                line += [f"{area:.3f}", f"{passing:.1%}"]
            rows.append(line)
    return [head, *(rows if len(rows) > 1 else [])]
