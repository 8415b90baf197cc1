import numpy as np
import pytest

from trash_keras.training import head_refit
from trash_keras.training.head_refit import Examples, Head, Prior

CLASSES, CHANNELS = 3, 12


@pytest.fixture
def home():
    """Features of three classes, their labels, and the head of a linear discriminant."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), 60)
    centres = 2 * np.eye(CLASSES, CHANNELS)
    features = (centres[labels] + generator.normal(0, 0.5, (180, CHANNELS))).astype(np.float32)
    head = Head(4 * centres.T, -2 * np.square(centres).sum(axis=1))
    return features, labels, head


def place(count, seed=1):
    """The same classes, shifted so that the first looks like the second."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), count)
    centres = 2 * np.eye(CLASSES, CHANNELS)
    centres[0] = [0, 2, 0, 3, *[0] * (CHANNELS - 4)]
    return centres[labels] + generator.normal(0, 0.5, (len(labels), CHANNELS)), labels


def accuracy(head, features, labels):
    return (head.logits(features).argmax(axis=1) == labels).mean()


def test_it_learns_the_new_place_and_keeps_the_old_one(home):
    features, labels, head = home
    (found,) = Prior.of(head, features, labels).fit(Examples.of(*place(5)), [0.1])
    rest = place(100, seed=2)
    assert accuracy(head, *rest) < 0.7 < 0.85 < accuracy(found, *rest)
    assert accuracy(found, features, labels) >= accuracy(head, features, labels) - 0.01


def test_the_stronger_the_prior_the_less_changes_at_home(home):
    features, labels, head = home
    strengths = (1e6, 1.0, 0.1, 0.01)
    found = Prior.of(head, features, labels).fit(Examples.of(*place(5)), strengths)
    changes = [np.abs(each.logits(features) - head.logits(features)).mean() for each in found]
    assert changes == sorted(changes) and changes[0] < 1e-3 < changes[-1]


def test_each_fit_is_the_minimum_of_what_is_promised(home):
    """Against a fit of all weights by plain gradient descent, with the cost written out."""
    features, labels, head = home
    new, new_labels = place(4)
    prior = Prior.of(head, features, labels)
    (found,) = prior.fit(Examples.of(new, new_labels), [0.3])

    def cost(kernel, bias):
        start = head.logits(new) + new @ (kernel - head.kernel) + bias - head.bias
        shares = start - np.log(np.exp(start).sum(axis=1, keepdims=True))
        change = features @ (kernel - head.kernel) + bias - head.bias
        home_cost = (head_refit.balanced(labels)[:, None] * change**2).sum()
        moved = bias - head.bias + prior.mean @ (kernel - head.kernel)
        ridge = np.sum((prior.scale * (kernel - head.kernel)) ** 2) + np.sum(moved**2)
        fit = -(head_refit.balanced(new_labels) * shares[range(len(new)), new_labels]).sum()
        return fit + 0.15 * (home_cost + head_refit.RIDGE * ridge)

    least = cost(found.kernel, found.bias)
    generator = np.random.default_rng(3)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            other = found.kernel + size * generator.normal(size=found.kernel.shape)
            assert cost(other, found.bias + size * generator.normal(size=CLASSES)) > least - 1e-6


def test_a_new_class_is_never_chosen_until_it_is_fitted(home):
    features, labels, head = home
    wider = head.with_classes([0, None, 1, 2], features)
    moved = np.array([0, 2, 3])[labels]
    assert accuracy(wider, features, moved) == accuracy(head, features, labels)
    new = np.zeros((4, CHANNELS)) + 3 * np.eye(CHANNELS)[5]
    both = np.concatenate([features[::30], new])
    truth = np.concatenate([moved[::30], np.full(4, 1)])
    (found,) = Prior.of(wider, features, moved).fit(Examples.of(both, truth), [0.1])
    assert accuracy(found, new, 1) == 1
    assert accuracy(found, features, moved) >= accuracy(head, features, labels) - 0.01


def test_what_is_held_out_is_predicted_by_heads_that_have_not_seen_it(home):
    features, labels, head = home
    prior, (new, new_labels) = Prior.of(head, features, labels), place(4)
    one, other = (
        prior.cross_validate(Examples.of(new, found), [0.1], seed=0)[0]
        for found in (new_labels, new_labels)
    )
    np.testing.assert_array_equal(one, other)
    for kept, held_out in head_refit.folds(new_labels, 0):
        (expected,) = prior.fit(Examples.of(new, new_labels).only(kept), [0.1])
        np.testing.assert_allclose(one[held_out], expected.logits(new[held_out]), atol=1e-3)
        assert set(new_labels[kept]) == {0, 1, 2} and not set(kept) & set(held_out)


@pytest.mark.parametrize(("fewest", "expected"), [(3, 3), (4, 4), (40, 5)])
def test_no_fold_holds_out_a_class_as_a_whole(fewest, expected):
    labels = np.repeat([0, 1], [fewest, 50])
    found = head_refit.folds(labels, 0)
    assert len(found) == expected
    assert all(set(labels[kept]) == {0, 1} for kept, _ in found)


def test_every_class_counts_alike():
    weights = head_refit.balanced(np.array([7, 7, 7, 2]))
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_other_images_are_held_to_no_class_and_weigh_half_at_most(home):
    features, labels, head = home
    new, new_labels = place(4)
    others = np.zeros((30, CHANNELS)) + 3 * np.eye(CHANNELS)[7]
    both = Examples.of(new, new_labels).with_others(others)
    weights = both.targets(CLASSES).sum(axis=1)
    assert weights[len(new) :].sum() == pytest.approx(weights[: len(new)].sum() / 2)
    few = Examples.of(new, new_labels).with_others(others[:2]).targets(CLASSES).sum(axis=1)
    assert few[-1] == pytest.approx(few[: len(new)].mean() / 2)
    prior = Prior.of(head, features, labels)
    (plain,), (exposed,) = (
        prior.fit(each, [0.01]) for each in (Examples.of(new, new_labels), both)
    )

    def spread(found):
        return np.ptp(found.logits(others[:1]))

    assert spread(exposed) < spread(plain) / 2
    assert accuracy(exposed, new, new_labels) == 1
