import json

import numpy as np
import pytest

from trash_keras.metrics import robustness

NAMES = ("glass", "metal")


def test_accuracies_of_each_severity_and_their_means(predicted):
    clean = predicted(NAMES, np.array([[8, 2], [0, 10]]))
    wrong = clean.__class__(NAMES, clean.paths, clean.labels, clean.probabilities[:, ::-1])
    scores = robustness.score(clean, {"blur": [clean, wrong], "noise": [wrong, wrong]})
    assert scores["examples"] == 20
    assert scores["clean"]["accuracy"] == pytest.approx(0.9)
    assert scores["kinds"]["blur"]["accuracy"] == pytest.approx([0.9, 0.1])
    assert scores["kinds"]["blur"]["mean_accuracy"] == pytest.approx(0.5)
    assert scores["kinds"]["noise"]["mean_accuracy"] == pytest.approx(0.1)
    assert scores["mean_accuracy"] == pytest.approx(0.3)
    assert scores["clean"]["macro_f1"] == pytest.approx((16 / 18 + 20 / 22) / 2)
    blurred = scores["kinds"]["blur"]["macro_f1"]
    assert scores["kinds"]["blur"]["mean_macro_f1"] == pytest.approx(np.mean(blurred))
    json.dumps(scores, allow_nan=False)
    assert robustness.summary(scores) == (
        "robustness: mean accuracy 30.0% over 2 kinds of corruption, 90.0% without; worst "
        "noise with 10.0%, 20 images"
    )


def test_only_the_same_images_can_be_compared(predicted):
    clean, other = (
        predicted(NAMES, np.eye(2, dtype=int) * 3),
        predicted(NAMES, np.eye(2, dtype=int)),
    )
    with pytest.raises(ValueError, match="blur are for other images"):
        robustness.score(clean, {"blur": [other]})
    for nothing in ({}, {"blur": []}):
        with pytest.raises(ValueError, match="at least one kind"):
            robustness.score(clean, nothing)


def test_frames_have_their_accuracy_and_coverage(predicted):
    sure = predicted(NAMES, np.array([[8, 2], [0, 10]]))
    torn = sure.__class__(NAMES, sure.paths, sure.labels, np.full_like(sure.probabilities, 0.5))
    found = robustness.score_frames({"1:1": sure, "3:4": torn}, 0.5)
    assert found["1:1"] == pytest.approx(
        {"accuracy": 0.9, "macro_f1": (16 / 18 + 20 / 22) / 2, "coverage": 1}
    )
    assert found["3:4"]["coverage"] == 0
    line = robustness.frames_summary(found)
    assert line == "frames: accuracy 90.0% in 1:1, 50.0% in 3:4"
