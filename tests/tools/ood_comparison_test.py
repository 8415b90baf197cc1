import numpy as np
import pytest
from scipy.special import logsumexp

from tools import ood_comparison, ood_scores
from trash_keras.calibration import ood

CHANNELS = 12
GENERATOR = np.random.default_rng(0)
CENTRES = 2 * np.eye(CHANNELS)


def around(centres, count):
    """Features of `count` images around each of those centres, above 0, and their numbers."""
    labels = np.repeat(np.arange(len(centres)), count)
    noise = GENERATOR.normal(0, 0.2, (len(labels), CHANNELS))
    return np.abs(CENTRES[centres][labels] + noise), labels


@pytest.fixture
def images():
    """Three classes along three channels, three kinds along others, far-OOD along a last one."""
    found = {"kernel": np.eye(CHANNELS, 3), "bias": np.zeros(3), "temperature": 1.0}
    for name, count in {"train": 20, "valid": 8, "test": 8, "external": 6}.items():
        found[name], found[f"{name}_labels"] = around([0, 1, 2], count)
    found["near"], kinds = around([4, 5, 6], 8)
    found["near_kinds"] = np.array(["battery", "textiles", "wood"])[kinds]
    found["far"], _ = around([9], 10)
    found["far_kinds"] = np.full(10, "")
    return found


def known(images):
    """What a head is fitted to."""
    return images["train"], images["train_labels"], ood.fit(images["train"], images["valid"])


def test_each_score_tells_other_directions_from_the_classes(images):
    found = ood_comparison.compare_scores(images, ["near", "far"])
    assert list(found) == list(ood_scores.TITLES)
    for name, columns in found.items():
        assert list(columns) == [
            "left-out class", "test: near", "test: battery", "test: textiles", "test: wood",
            "test: far", "external: near", "external: battery", "external: textiles",
            "external: wood", "external: far",
        ]  # fmt: skip
        assert columns["test: far"] > 0.9, name
    assert found["residual"]["left-out class"] > 0.9
    kinds = [found["residual"][f"test: {kind}"] for kind in ("battery", "textiles", "wood")]
    assert found["residual"]["test: near"] == pytest.approx(np.mean(kinds))


def test_shaped_features_are_what_the_papers_say(images):
    head = ood_scores.fit_head(*known(images))
    row = images["near"][:1]
    largest = np.sort(row[0])[-2:]  # of 12, a tenth by interpolation
    stretch = np.exp(row.sum() / largest.sum())
    kept = np.where(row >= largest[0], row, 0)
    found = ood_scores.all_scores(head, row)
    assert found["scale"] == pytest.approx(logsumexp(head.logits(row * stretch)))
    assert found["ash"] == pytest.approx(logsumexp(head.logits(kept * stretch)))


def test_exposure_is_measured_in_both_places(images, monkeypatch):
    monkeypatch.setattr(ood_comparison, "DRAWS", 2)
    found = ood_comparison.measure_exposure(images, ["near", "far"])
    places = ("home", "home and elsewhere")
    ways = ("alone", "with exposure")
    assert list(found) == [f"{place}, {way}" for place in places for way in ways]
    assert all(row["test: accuracy"] > 0.9 for row in found.values())
    alone, exposed = (found[f"home, {way}"]["test: shown kinds"] for way in ways)
    assert exposed >= alone


def test_an_exposed_head_is_unsure_of_what_is_partly_like_a_class(images):
    others = around([0], 8)[0] + around([5], 8)[0]  # the first class, and something else
    plain = ood_scores.fit_head(*known(images))
    exposed = ood_scores.fit_head(*known(images), others[:4], 5.0)
    sure, unsure = (np.ptp(head.logits(others[4:]), axis=1).mean() for head in (plain, exposed))
    assert unsure < 0.7 * sure


def test_the_table_has_mean_and_range_of_several_runs():
    runs = [{"energy": {"test: far": 0.5}}, {"energy": {"test: far": 0.7}}]
    assert "| energy (Liu et al., 2020) | 0.600 (0.500 to 0.700) |" in ood_comparison.table(
        runs, ood_scores.TITLES
    )
    assert "| energy | 0.500 |" in ood_comparison.table(runs[:1], {})
