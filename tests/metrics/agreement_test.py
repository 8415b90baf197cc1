import json

import numpy as np
import pytest

from trash_keras.metrics import agreement
from trash_keras.metrics.predictions import Predictions

NAMES = ("glass", "metal")


def predictions(*of_glass, names=NAMES):
    rows = np.array([[share, 1 - share] for share in of_glass], np.float32)
    paths = [f"glass/{number}.jpg" for number in range(len(rows))]
    return Predictions(names, paths, np.zeros(len(rows), np.int32), rows)


def test_equal_predictions_agree_and_show_nothing():
    found = agreement.compare(predictions(0.9, 0.2), predictions(0.9, 0.205), threshold=0.5)
    assert found["agreement"] == found["answer_agreement"] == 1
    assert found["max_difference"] == pytest.approx(0.005, abs=1e-6)
    assert found["mean_difference"] == pytest.approx(0.0025, abs=1e-6)
    assert found["worst"] == []


def test_unsure_is_a_label_of_its_own():
    found = agreement.compare(
        predictions(0.9, 0.9, 0.6, 0.9), predictions(0.9, 0.65, 0.4, 0.82), threshold=0.8
    )
    assert (found["agreement"], found["answer_agreement"]) == (0.75, 0.5)
    # Another class first, then another label, then other probabilities.
    assert [row["file"][6] for row in found["worst"]] == ["2", "1", "3"]
    first, second, third = found["worst"]
    assert [first["expected"]["class"], first["answered"]["class"]] == ["glass", "metal"]
    assert first["expected"]["label"] == first["answered"]["label"] == "unsure"
    assert [second["expected"]["label"], second["answered"]["label"]] == ["glass", "unsure"]
    assert third["difference"] == pytest.approx(0.08, abs=1e-6)
    assert third["answered"] == {
        "label": "glass", "class": "glass", "probability": pytest.approx(0.82)
    }  # fmt: skip
    json.dumps(found, allow_nan=False)


def test_only_the_worst_images_are_kept():
    shares = np.linspace(0.6, 0.98, 30)
    found = agreement.compare(predictions(*shares), predictions(*np.full(30, 0.99)), threshold=0)
    assert len(found["worst"]) == agreement.WORST_KEPT
    assert [row["file"] for row in found["worst"]][:2] == ["glass/0.jpg", "glass/1.jpg"]


def test_a_threshold_just_below_one_leaves_certainty():
    threshold = float(np.nextafter(1, 0))  # is 1 in float32
    assert agreement.is_sure(predictions(1.0), threshold).all()
    assert not agreement.is_sure(predictions(1.0), 1.0).any()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (predictions(0.5), "other images"),
        (predictions(0.5, 0.5, names=("metal", "glass")), r"Received: metal, glass"),
        (predictions(0.5, float("nan")), "must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(other, words):
    with pytest.raises(ValueError, match=words):
        agreement.compare(predictions(0.5, 0.5), other, threshold=0)


def test_each_model_may_have_its_own_threshold():
    surest = predictions(0.9999)
    found = agreement.compare(surest, predictions(0.996), threshold=0.9998, other_threshold=0.99)
    assert found["answer_agreement"] == 1
    assert agreement.compare(surest, predictions(0.996), threshold=0.9998)["answer_agreement"] == 0
