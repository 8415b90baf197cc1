import numpy as np
import pytest

from trash_keras.calibration.ood import fit
from trash_keras.metrics import ood

GENERATOR = np.random.default_rng(0)


def around(centres, count, channels=6, noise=0.3):
    """Features of `count` images around each centre, and their classes."""
    labels = np.repeat(np.arange(len(centres)), count)
    rows = np.zeros((len(labels), channels))
    rows[:, : np.shape(centres)[1]] = np.asarray(centres)[labels]
    return rows + GENERATOR.normal(0, noise, rows.shape), labels


@pytest.fixture
def split():
    """Two classes along the first two channels: training features, classes, scored split, OOD."""
    train, labels = around([[4, 0], [0, 4]], 40)
    scored, _ = around([[4, 0], [0, 4]], 30)
    ood_images, _ = around([[-1, -1, 3, 0, 0, 3]], 50)
    return train, labels, scored, ood_images


def test_auroc_counts_ties_as_half():
    found = ood.separability(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    assert found["auroc"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_the_threshold_accepts_95_percent_of_the_scored():
    scored, ood_images = np.arange(20) / 20, np.array([0.0, 0.04, 0.05, 0.5])
    assert ood.separability(scored, ood_images)["fpr_at_95_tpr"] == 0.5, "19 of 20: from 0.05"
    # With 19 images 18 would be less than 95%, so even the least sure one must pass.
    assert ood.separability(scored[1:], ood_images)["fpr_at_95_tpr"] == 0.5
    assert ood.separability(scored[:19], ood_images)["fpr_at_95_tpr"] == 1
    assert ood.separability(scored, scored - 1) == {"auroc": 1.0, "fpr_at_95_tpr": 0.0}


def test_a_higher_score_is_more_in_distribution(split):
    train, labels, scored, ood_images = split
    head = np.eye(6, 2), np.zeros(2)
    detector = fit(train, scored)
    features = np.concatenate([scored, ood_images])
    given = ood.feature_scores(features, head, 1.0, detector.residual(features), (train, labels))
    assert list(given) == [name for name in ood.SCORES if name != "confidence"]
    for name, values in given.items():
        figures = ood.separability(values[: len(scored)], values[len(scored) :])
        assert figures["auroc"] > 0.9, name
    without = ood.feature_scores(scored, head, 1.0)
    assert list(without) == ["maximum_probability", "energy"]


def test_scores_are_what_their_papers_say(split):
    train, labels, scored, _ = split
    head = np.eye(6, 2), np.array([0.5, 0])
    given = ood.feature_scores(scored, head, 2.0, None, (train, labels))
    logits = scored[:, :2] + head[1]
    softmax = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(given["maximum_probability"], softmax.max(axis=1))
    np.testing.assert_allclose(given["energy"], np.log(np.exp(logits).sum(axis=1)))
    unit, units = (rows / np.linalg.norm(rows, axis=1)[:, None] for rows in (scored, train))
    tenth = np.sort(unit @ units.T, axis=1)[:, -10]
    np.testing.assert_allclose(given["nearest_neighbours"], tenth)


def test_more_channels_than_images_give_finite_scores():
    train, labels = around([[4, 0], [0, 4]], 4, channels=40)
    given = ood.feature_scores(train, (np.eye(40, 2), np.zeros(2)), 1.0, None, (train, labels))
    assert np.isfinite(given["mahalanobis"]).all()
    assert np.isfinite(given["nearest_neighbours"]).all(), "8 images, less than 10 neighbours"


def compared(**changes):
    """Confidence at threshold 0.5 and residual at limit 0.2, of 4 scored and 5 OOD images."""
    scored = {"confidence": np.array([0.9, 0.8, 0.99, 0.4]), "novelty": -np.array([0.1] * 4)}
    ood_images = {
        "confidence": np.array([0.2, 0.5, 0.3, 0.95, 0.5000001], np.float32),
        "novelty": -np.array([0.31, 0.1, 0.28, 0.2, 0.3]),
    }
    found = ood.compare(scored, ood_images, threshold=0.5, limit=0.2)
    return {"unreadable": 0, "folders": {}, **found, **changes}


def by_folder(origins):
    scored = {"confidence": np.array([0.9, 0.8, 0.99, 0.4])}
    ood_images = {"confidence": np.array([0.2, 0.5, 0.3, 0.95, 0.6])}
    return compared(folders=ood.by_folder(scored, ood_images, origins, 0.5))


def test_near_and_far_and_each_kind_have_figures_of_their_own():
    origins = [("near", "wood"), ("far", ""), ("near", "wood"), ("near", "battery"), ("far", "")]
    found = by_folder(origins)["folders"]
    assert list(found) == ["near", "far"] and list(found["near"]["kinds"]) == ["battery", "wood"]
    assert found["near"]["pictures"] == 3 and found["near"]["unsure"] == pytest.approx(2 / 3)
    battery, wood = found["near"]["kinds"].values()
    assert (battery["pictures"], battery["unsure"], wood["pictures"], wood["unsure"]) == (
        1,
        0,
        2,
        1,
    )
    assert wood["scores"]["confidence"]["auroc"] == 1
    assert battery["scores"]["confidence"] == {"auroc": 0.25, "fpr_at_95_tpr": 1}
    assert found["far"]["kinds"] == {}


def test_unsure_counts_up_to_the_threshold():
    found = compared()
    assert found["pictures"] == 5 and found["unsure"] == 0.6
    assert found["scores"]["novelty"] == {"auroc": 0.9, "fpr_at_95_tpr": 0.2}


def test_histograms_hold_every_image():
    histograms = compared()["histograms"]
    assert [histograms[name]["threshold"] for name in ("confidence", "novelty")] == [0.5, 0.2]
    assert histograms["confidence"]["edges"][-1] == 1
    assert histograms["novelty"]["edges"][-1] == 0.4, "a tenth above the largest"
    for histogram in histograms.values():
        for part in ("scored", "others"):
            assert sum(histogram[part]) == pytest.approx(1)


def test_a_histogram_of_values_next_to_nothing_reaches_a_tenth():
    tiny = {"confidence": np.array([0.9]), "novelty": -np.array([1e-9])}
    histogram = ood.compare(tiny, tiny, threshold=0.5, limit=0.2)["histograms"]["novelty"]
    assert histogram["edges"][-1] == 0.1 and histogram["scored"][0] == 1
