import numpy as np
import pytest

from tools.few_shot import Images

LABELS = np.repeat([0, 1, 2], [20, 20, 4])


@pytest.fixture
def place():
    """Images of three classes; of those of the first the model is unsure."""
    generator = np.random.default_rng(0)
    probabilities = np.eye(3)[LABELS] * 0.98 + 0.01
    probabilities[:20] = [0.4, 0.3, 0.3]
    features = generator.normal(1, 0.1, (len(LABELS), 4)).astype(np.float32)
    return Images([f"{row}.jpg" for row in range(len(LABELS))], features, LABELS, probabilities)


def test_as_many_of_each_class_are_drawn_and_the_rest_is_scored(place):
    shown, rest = place.draw(3, seed=0)
    np.testing.assert_array_equal(np.bincount(shown.labels), [3, 3, 3])
    assert not set(shown.files) & set(rest.files) and len(rest.files) == 35
    assert set(shown.files) != set(place.draw(3, seed=1)[0].files)
    with pytest.raises(ValueError, match="--images=4 leaves none of 4 images to score"):
        place.draw(4, seed=0)


@pytest.mark.parametrize("order", ["badge", "random"])
def test_one_half_is_named_and_the_other_scored(place, order):
    shown, rest = place.name(order, 10, seed=0)
    other = place.name(order, 1000, seed=0)[0]
    assert rest.files == place.name("random", 10, seed=0)[1].files and len(rest.files) == 22
    assert not set(other.files) & set(rest.files)
    assert set(np.unique(other.labels)) == {0, 1}  # of the third there are too few to adapt to
    for found in (shown, other):
        np.testing.assert_array_equal(
            found.features, place.features[[int(name[:-4]) for name in found.files]]
        )


def test_what_the_model_is_unsure_of_is_named_first(place):
    assert set(place.name("badge", 10, seed=0)[0].labels) == {0}
    assert set(place.name("random", 10, seed=0)[0].labels) == {0, 1}
