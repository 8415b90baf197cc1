import keras
import numpy as np
import pytest

from trash_keras.data.crops import RandomResizedCrop


def boxes(smallest, count=2000):
    seed = keras.random.SeedGenerator(0)
    crop = RandomResizedCrop(smallest)
    return crop.get_random_transformation(np.zeros((count, 8, 8, 3)), True, seed).numpy()


@pytest.mark.parametrize("smallest", [0.1, 0.5])
def test_parts_lie_inside_and_keep_at_least_the_smallest_share(smallest):
    top, left, bottom, right = boxes(smallest).T
    assert min(top.min(), left.min()) >= 0 and max(bottom.max(), right.max()) <= 1 + 1e-6
    area = (bottom - top) * (right - left)
    assert area.min() < smallest + 0.05 and area.max() > 0.95
    # Sides that would be longer than the picture are cut.
    assert (area >= smallest * 0.75**0.5).all()
    stretch = (bottom - top) / (right - left)
    assert stretch.min() >= 0.75 - 1e-3 and stretch.max() <= 4 / 3 + 1e-3


def test_a_part_fills_the_picture():
    ramp = np.broadcast_to(np.linspace(0, 200, 33, dtype="float32"), (1, 33, 33))
    pictures = np.stack([ramp, ramp.swapaxes(1, 2), 0 * ramp], -1)
    quarter = np.array([[0.25, 0.5, 0.75, 1.0]], "float32")  # top, left, bottom, right
    cropped = RandomResizedCrop(0.2).transform_images(pictures, quarter, True).numpy()
    assert cropped.shape == pictures.shape
    np.testing.assert_allclose(cropped[0, 0, :, 0], np.linspace(100, 200, 33), atol=1e-3)
    np.testing.assert_allclose(cropped[0, :, 0, 1], np.linspace(50, 150, 33), atol=1e-3)
