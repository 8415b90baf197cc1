"""What the figures of confidence mean, in words."""

from collections.abc import Mapping
from typing import Any

from trash_keras.metrics import report_file


def paragraphs(report: Mapping[str, Any], mean_confidence: float) -> list[str]:
    """Returns what the calibration figures mean, what abstaining is worth, and how it answers.

    Args:
        report: As `verdict.paragraphs` takes it.
        mean_confidence: Of the main split, 0 to 1.
    """
    scores = report[report_file.main_split(report)]
    gap = mean_confidence - scores["accuracy"]
    says = "more sure than it is right" if gap > 0 else "more often right than it is sure"
    on_average = (
        f"On average it is {says}: confidence {mean_confidence:.1%}, accuracy "
        f"{scores['accuracy']:.1%}."
    )
    covered = scores["coverage_at_2_percent_error"]
    abstaining = (
        "Even its surest answers are wrong more often than in 2% of cases, so there is no "
        "threshold at which it could be trusted to that extent."
        if covered == 0
        else f"If it may leave the least sure pictures to a person, it answers {covered:.1%} of "
        "them with at most 2% wrong answers. The threshold is the best for these very pictures, "
        "which flatters a little."
    )
    return [
        f"The expected calibration error (ECE, 15 bins) of {scores['ece']:.3f} is the mean "
        f"distance of confidence and accuracy. {on_average}",
        abstaining,
        *how_it_answers(report),
    ]


def how_it_answers(report: Mapping[str, Any]) -> list[str]:
    """Returns what temperature, threshold and sets of the model do on the main split.

    Args:
        report: Content of `report.json`; nothing is returned for one without `answering`.
    """
    answering = report.get("answering")
    if not answering:
        return []
    shown = report_file.main_split(report)
    scores, pictures = report[shown], f"{report_file.SPLIT_TITLES[shown]} pictures"
    said = [_abstaining(answering["threshold"], scores["abstention"], pictures, _aim(report))]
    if (temperature := answering["temperature"]) != 1:
        said.insert(
            0,
            f"A temperature of {temperature:.2f}, fitted on validation pictures, divides the "
            f"logits. Without it the ECE on the {pictures} is {scores['ece_uncalibrated']:.3f} "
            f"instead of {scores['ece']:.3f}, the Brier score {scores['brier_uncalibrated']:.3f} "
            f"instead of {scores['brier']:.3f}.",
        )
    if "conformal" in scores:
        sets = scores["conformal"]
        said.append(
            f"Its sets of classes, of {sets['mean_size']:.2f} classes on average, hold the true "
            f"one for {sets['coverage']:.1%} of the {pictures}."
        )
    return said


def _aim(report: Mapping[str, Any]) -> str:
    """Returns what the threshold was chosen for, where the report tells."""
    settings = (report.get("config") or {}).get("answering")
    return f"{settings['max_error']:.1%}" if settings else ""


def _abstaining(threshold: float, found: Mapping[str, Any], pictures: str, aim: str) -> str:
    if threshold == 0:
        why = f": at most {aim} of them were wrong on validation pictures" if aim else ""
        return f"It is never unsure and gives all answers{why}."
    lowest = f", the lowest with at most {aim} wrong answers on validation pictures" if aim else ""
    if threshold >= 1:
        why = f": even the surest were wrong for more than {aim} on validation pictures"
        return f"It is unsure of every picture{why if aim else ''}."
    said = f"It is unsure up to a probability of {threshold:.3f}{lowest}."
    if not found["coverage"]:
        return f"{said} That is all of the {pictures}."
    low, high = found["error_interval"]
    return (
        f"{said} Of the {pictures} it answers {found['coverage']:.1%}, {found['error']:.1%} of "
        f"these wrongly (95% interval {low:.1%} to {high:.1%})."
    )
