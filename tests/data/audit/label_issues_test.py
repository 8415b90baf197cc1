import numpy as np
import pytest

from trash_keras.data.audit import label_issues


def blobs(per_class=20, classes=3, channels=8, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    centres = 4 * np.eye(classes, channels)
    return centres[labels] + generator.normal(0, 0.5, (len(labels), channels)), labels


def test_planted_errors_are_found_and_nothing_else():
    features, labels = blobs()
    given = labels.copy()
    given[[3, 25]] = 2, 0
    issues = label_issues.find(features, given, [], seed=0)
    assert {(issue.index, issue.label, issue.suggestion) for issue in issues.found} == {
        (3, 2, 0), (25, 0, 1)
    }  # fmt: skip
    assert issues.accuracy == pytest.approx(58 / 60, abs=0.05)
    ranked = [issue.probability_of_label for issue in issues.found]
    assert ranked == sorted(ranked) and max(ranked) < 0.5


def test_clean_labels_are_no_issues():
    features, labels = blobs()
    assert label_issues.find(features, labels, [], seed=0).found == ()


def test_probabilities_are_of_classifiers_that_did_not_see_the_image():
    """With features that say nothing of other images, nothing can be known."""
    labels = np.tile([0, 1], 20)
    probabilities = label_issues.cross_validate(np.eye(40), labels, [], seed=0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.max() < 0.7


def test_a_group_cannot_confirm_its_own_label():
    features, labels = blobs()
    copies = [0, 1, 2, 3, 4]
    # They look like class 1 but are all labelled 0, and share a mark that nothing else has.
    features[copies] = features[labels == 1].mean(axis=0) + 4 * np.eye(8)[7]
    alone = label_issues.cross_validate(features, labels, [], seed=0)
    together = label_issues.cross_validate(features, labels, [copies], seed=0)
    assert alone[copies, 0].min() > 0.5
    assert together[copies, 1].min() > 0.9


def test_the_seed_decides():
    features, labels = blobs()
    one, again, other = (
        label_issues.cross_validate(features, labels, [], seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0


@pytest.mark.parametrize("counts", [[20], [20, 4], [0, 20]])
def test_too_few_images_say_what_to_do(counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    with pytest.raises(ValueError, match=r"at least 5 readable.*Leave out --backbone"):
        label_issues.cross_validate(np.zeros((len(labels), 2)), labels, [], seed=0)
