"""Predictions for people: aligned columns on a terminal, plain lines elsewhere; and their count."""

import collections
import sys
from collections.abc import Iterable, Iterator, Sequence

from trash_keras.host import terminal
from trash_keras.metadata import UNSURE
from trash_keras.predictor import NAMED_CANDIDATES, Prediction
from trash_keras.storage.addresses import public, public_value
from trash_keras.storage.names import printable

WIDEST_CLASS = 24  # columns; longer names are shortened
SHARE, NOT_SURE = len("100.0%"), "not sure"
LEAST_FILE = 10  # columns that a narrow terminal has for the file's name
LEAST_OTHERS = 12  # columns; with fewer the other classes are left out
GAP = "  "


class PredictionLines:
    """Prints a line an image, and how many images there are of each class.

    On a terminal: file, most probable class, its probability, whether the model abstains, other
    classes. Sure predictions are green, unsure ones yellow, and red where no class stands out.
    The columns are as wide as the names read so far need, and all fit the terminal.

    Args:
        class_names: Those of the model.
        top_k: Classes shown an image.
    """

    def __init__(self, class_names: Sequence[str], top_k: int) -> None:
        self._top_k, self._file_width = top_k, 0
        self._labels: collections.Counter[str] = collections.Counter()
        self._in_columns = terminal.is_interactive()
        if self._in_columns:
            longest = max(terminal.width_of(printable(name)) for name in class_names)
            self._class_width = min(longest, WIDEST_CLASS)

    def watch(self, images: Iterable[str]) -> Iterator[str]:
        """Passes images on, which a model reads a batch at a time, and notes the longest name."""
        for image in images:
            if self._in_columns:
                name = printable(public_value(image))
                self._file_width = max(self._file_width, terminal.width_of(name))
            yield image

    def write(self, prediction: Prediction) -> None:
        """Prints a prediction, or on stderr why there is none."""
        self._labels[prediction.label] += 1
        name, drawn = public_value(prediction.file), prediction.explanation
        if prediction.error:
            line = printable(public(f"error: {name}: {prediction.error}"))
            print(line, file=sys.stderr, flush=True)
        elif self._in_columns:
            terminal.write(self._row(prediction))
        else:
            print(
                printable(f"{name}: {prediction.format(self._top_k)}{f' -> {drawn}' * bool(drawn)}")
            )

    def write_count(self) -> None:
        """Prints how many images have each label, where there are several and somebody watches.

        On stderr where stdout is a pipe or a file, whose lines are one an image.
        """
        file = sys.stdout if self._in_columns else sys.stderr
        if self._labels.total() > 1 and file.isatty():
            print(printable(count(self._labels)), file=file, flush=True)

    def _row(self, prediction: Prediction) -> list[terminal.Part]:
        (first, share), *others = prediction.top_k(max(1, self._top_k))
        is_unsure = prediction.label == UNSURE
        answer = [
            terminal.fit(printable(first), self._class_width),
            f"{share:.1%}".rjust(SHARE),
            NOT_SURE if is_unsure else " " * len(NOT_SURE),
        ]
        rest = ", ".join(f"{printable(name)} {part:.1%}" for name, part in others)
        parts = self._fitted(prediction, GAP.join(answer), rest)
        drawn = printable(prediction.explanation)  # whole, to be copied
        return [*parts, (f"{GAP}-> {drawn}" if drawn else "", "")]

    def _fitted(self, prediction: Prediction, answer: str, rest: str) -> list[terminal.Part]:
        # The last column stays empty, or some terminals begin another line.
        free = terminal.columns() - 1 - len(GAP) - terminal.width_of(answer)
        kept = len(GAP) + LEAST_OTHERS if rest else 0
        width = min(self._file_width, max(LEAST_FILE, free - kept))
        file = terminal.fit(printable(public_value(prediction.file)), width, keep_end=True)
        parts = [(file + GAP, ""), (answer, _style(prediction))]
        left = free - width - len(GAP)
        if rest and left >= LEAST_OTHERS:
            parts.append((GAP + terminal.fit(rest, left).rstrip(), "dim"))
        return parts


def _style(prediction: Prediction) -> str:
    if prediction.label != UNSURE:
        return "green"
    return "yellow" if len(prediction.candidates) <= NAMED_CANDIDATES else "red"


def count(labels: collections.Counter[str]) -> str:
    """Returns how many images have each label, as in "4 images: glass 2, unsure 1; 1 unreadable".

    Args:
        labels: Label -> images; an empty label for files that could not be read.
    """
    named = [label for label, _ in labels.most_common() if label not in ("", UNSURE)]
    shown = [f"{label} {labels[label]}" for label in (*named, UNSURE) if labels[label]]
    unreadable = f"{labels['']} unreadable" if labels[""] else ""
    return f"{labels.total()} images: {'; '.join(filter(None, [', '.join(shown), unreadable]))}"
