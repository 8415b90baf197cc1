import pytest

from trash_keras.training import progress
from trash_keras.training.stages import Phase

PHASES = [Phase("head", 0, 2, 1.0), Phase("finetune", 2, 12, 1.0)]


def row(phase, epoch, accuracy, seconds):
    return {"phase": phase, "epoch": epoch, "val_accuracy": accuracy, "seconds": seconds}


def text(rows, best):
    return "".join(part for part, _ in progress.epoch_line(rows, rows[best], PHASES))


def test_a_line_has_phase_epoch_accuracy_best_and_time_left():
    rows = [row("head", 0, 0.5, 3.2)]
    assert text(rows, 0) == (
        "head      1/12: valid accuracy  50.0%, best  50.0% (epoch  1), 4 s left of head"
    )
    rows.append(row("head", 1, 0.4, 3.2))  # nothing is known of the next phase
    assert text(rows, 0) == "head      2/12: valid accuracy  40.0%, best  50.0% (epoch  1)"
    rows += [row("finetune", 2, 1.0, 90), row("finetune", 3, 0.9, 30), row("finetune", 4, 0.9, 31)]
    assert text(rows, 2) == (
        "finetune  5/12: valid accuracy  90.0%, best 100.0% (epoch  3), 4 min left"
    )


def test_the_best_epoch_is_marked():
    rows = [row("head", 0, 0.5, 1), row("head", 1, 0.6, 1)]
    assert ("valid accuracy  60.0%", "green") in progress.epoch_line(rows, rows[1], PHASES)
    assert ("valid accuracy  60.0%", "") in progress.epoch_line(rows, rows[0], PHASES)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.01, "1 s"), (99, "99 s"), (101, "2 min"), (3600, "60 min"), (9000, "2.5 h")],
)
def test_times_are_rounded(seconds, expected):
    rows = [row("finetune", 10, 0.5, seconds)]
    assert text(rows, 0).endswith(f", {expected} left")
