"""What a guarantee costs: thresholds chosen on validation images, scored on test images.

python -m tools.risk_control [--target_risk=0.02] [--risk_confidence=0.9] RUN RUN...

RUN is the folder of a run with predictions/valid.csv and test.csv, or of a cross-validation, whose
folds are such runs. There, thresholds are chosen on the out-of-fold predictions of the other folds
as well (--calibration_predictions). Prints a table.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trash_keras.calibration.threshold import RiskControl, control_risk
from trash_keras.cli import launch
from trash_keras.cli.flags import define_setting
from trash_keras.metadata import is_unsure
from trash_keras.metrics import calibration, cross_validation
from trash_keras.metrics.predictions import Predictions
from trash_keras.metrics.selective import abstention
from trash_keras.reporting import markdown

TARGET_RISK = define_setting("target_risk")
RISK_CONFIDENCE = define_setting("risk_confidence")
HEADING = [
    "folder", "threshold chosen on", "guarantees", "coverage of test images", "wrong among these",
]  # fmt: skip


def measure(folder: Path, target_risk: float, confidence: float) -> list[dict[str, Any]]:
    """Scores three ways to choose a threshold.

    Args:
        folder: Of a run or a cross-validation.
        target_risk: As for `control_risk`.
        confidence: As for `control_risk`.

    Returns:
        For each way its `name`, `chosen` and `guaranteed` (numbers of thresholds), and over all
        test images `coverage`, `error` and `error_interval` of `selective.abstention`.

    Raises:
        ValueError: Predictions are missing or damaged.
    """
    chosen: dict[str, list[tuple[RiskControl, Predictions]]] = {}
    for run in sorted(folder.glob("seed*/fold*")) or [folder]:
        valid, test = (
            Predictions.load(run / "predictions" / f"{split}.csv") for split in ("valid", "test")
        )
        sources = [("validation, point estimate", valid, 0.0), ("validation", valid, confidence)]
        if run != folder:
            seed = int(run.parent.name.removeprefix("seed"))
            others = Predictions.load(cross_validation.predictions_file(folder, seed))
            known = {*test.paths}
            others = others.only([path for path in others.paths if path not in known])
            sources.append(("out-of-fold predictions", others, confidence))
        for name, on, asked in sources:
            found = control_risk(on.labels, on.probabilities, target_risk, asked)
            chosen.setdefault(name, []).append((found, test))
    return [
        {
            "name": name,
            "chosen": len(pairs),
            "guaranteed": sum(found.guaranteed for found, _ in pairs),
            **abstention(*(sum(counts) for counts in zip(*_counts(pairs), strict=True))),
        }
        for name, pairs in chosen.items()
    ]


def _counts(pairs: Sequence[tuple[RiskControl, Predictions]]) -> Iterator[tuple[int, int, int]]:
    """Gives for each threshold all test images, those predicted, and those predicted wrongly."""
    for found, test in pairs:
        confidence, right = calibration.confidence_and_correct(test.labels, test.probabilities)
        predicted = ~is_unsure(confidence, found.threshold)
        yield len(right), int(predicted.sum()), int((predicted & ~right).sum())


def main(paths: Sequence[str]) -> None:
    """Prints the table of the folders that the command line names."""
    if not paths:
        raise ValueError("Name at least one folder of a run or of a cross-validation.")
    rows = []
    for name in paths:
        for row in measure(Path(name), TARGET_RISK.value, RISK_CONFIDENCE.value):
            wrong = "none predicted"
            if row["error"] is not None:
                low, high = row["error_interval"]
                wrong = f"{row['error']:.1%} ({low:.1%} to {high:.1%})"
            guarantees = f"{row['guaranteed']} of {row['chosen']}"
            rows.append([name, row["name"], guarantees, f"{row['coverage']:.1%}", wrong])
    print(markdown.table(HEADING, rows))


if __name__ == "__main__":
    launch.run(sys.modules[__name__])
