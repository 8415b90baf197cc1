"""In which order a person names images, so that the first few teach a model most."""

import numpy as np

DIVERSE = 500  # images whose order looks at those before; a person rarely names more in one go


def order(
    probabilities: np.ndarray, features: np.ndarray | None = None, named: np.ndarray | None = None
) -> np.ndarray:
    """Orders images by uncertainty and diversity: those first that teach most (active learning).

    The gradient embedding of BADGE stands for an image: the gradient of the loss by the weights of
    the last layer, as if the most probable class were right. It is long where the model is unsure,
    and near to that of another image where both would teach the same. Each next image is the one
    furthest from all before it and from those that are named already (greedy k-center), where
    BADGE draws at random with such a preference (k-means++): so the order is the same each time.

    Sources: Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds",
    ICLR 2020, https://arxiv.org/abs/1906.03671; Sener and Savarese, "Active Learning for
    Convolutional Neural Networks: A Core-Set Approach", ICLR 2018.

    Args:
        probabilities: float [images, classes].
        features: float [images, channels], what the last layer takes; None where a model does not
            tell, and then the errors of the probabilities stand for the gradients.
        named: bool [images], those that are named already; None for none.

    Returns:
        int, the indices of the images that are not named, the first to name first. From the
        `DIVERSE`-th on they are ordered by the length of the gradient alone.
    """
    count = len(probabilities)
    named = np.zeros(count, bool) if named is None else named
    errors = np.asarray(probabilities, np.float32).copy()
    errors[np.arange(count), errors.argmax(1)] -= 1
    features = np.ones((count, 1), np.float32) if features is None else features
    lengths = (errors**2).sum(1) * (features**2).sum(1)

    def distances(index: int) -> np.ndarray:
        # The embedding is the outer product of error and feature, and need not be written out.
        products = (errors @ errors[index]) * (features @ features[index])
        return lengths + lengths[index] - 2 * products

    nearest = lengths.copy()  # squared, to the origin: an image that teaches nothing
    for index in np.flatnonzero(named).tolist():
        nearest = np.minimum(nearest, distances(index))
    nearest[named] = -np.inf
    found: list[int] = []
    for _ in range(min(count - int(named.sum()), DIVERSE)):
        found.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances(found[-1]))
        nearest[found[-1]] = -np.inf
    rest = np.flatnonzero(nearest > -np.inf)
    return np.array([*found, *rest[np.argsort(-lengths[rest], kind="stable")]], int)
