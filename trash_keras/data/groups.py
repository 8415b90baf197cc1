"""Groups of images that show the same thing, for grouped splits; and the file that keeps them."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from trash_keras.storage import local, text_files

Group = tuple[str, ...]  # paths relative to the data folder
MOST_LINKS = 1_000_000
_BLOCK = 512


def connected(count: int, links: Iterable[Sequence[int]]) -> list[list[int]]:
    """Joins what is linked, directly or through others.

    Args:
        count: Number of things.
        links: Indices 0..count-1 of things that belong together, some at a time.

    Returns:
        The connected components of two and more things, each sorted, in order of their first.
    """
    pairs = [(first, other) for first, *others in links for other in others]
    rows, columns = np.array(pairs, int).reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    _, labels = csgraph.connected_components(graph, directed=False)
    components: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        components.setdefault(label, []).append(index)
    return [indices for indices in components.values() if len(indices) > 1]


def similar(features: np.ndarray, min_similarity: float) -> list[list[int]]:
    """Joins images whose features point the same way, directly or through others.

    The similarity is the cosine of the features less their mean. Without that, the features of
    one network are all alike and those of another are not, and no threshold serves both.

    Args:
        features: float [N, channels], pooled. Each row is compared with each, in blocks: seconds
            for 10,000 images.
        min_similarity: Least cosine, -1..1.

    Returns:
        Groups of two and more rows, as `connected` returns them.

    Raises:
        ValueError: There are more than `MOST_LINKS` such pairs.
    """
    centred = np.asarray(features, np.float32) - np.mean(features, axis=0, dtype=np.float64)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    units = (centred / np.maximum(lengths, 1e-12)).astype(np.float32)
    links: list[list[int]] = []
    for start in range(0, len(units), _BLOCK):
        alike = np.triu(units[start : start + _BLOCK] @ units[start:].T >= min_similarity, k=1)
        if len(links) + np.count_nonzero(alike) > MOST_LINKS:
            raise ValueError(
                f"More than {MOST_LINKS:,} pairs of {len(units):,} images look alike at "
                f"--group_similarity={min_similarity}. Raise it, or name the --groups."
            )
        links += (np.argwhere(alike) + start).tolist()
    return connected(len(units), links)


def write_groups(
    path: str | os.PathLike, groups: Sequence[Sequence[str]], evidence: Mapping[str, Any]
) -> None:
    """Writes groups of images.

    Args:
        path: JSON file to write.
        groups: Paths relative to the data folder, group by group.
        evidence: What made them belong together, for whoever reads the file.
    """
    local.write_json(path, {"groups": [list(group) for group in groups], "evidence": evidence})


def load_groups(path: str | os.PathLike) -> list[Group]:
    """Reads what `write_groups` wrote, or a list made by hand.

    Raises:
        ValueError: The file is missing or no such list, or an image is in two groups.
    """
    try:
        groups = text_files.from_json(text_files.read(path))["groups"]
        named = [file for group in groups for file in group]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"No usable groups at {path}: {error!r}") from error
    lists = all(isinstance(group, list) for group in groups)
    if not lists or not all(isinstance(file, str) for file in named):
        raise ValueError(
            f'{path} must hold {{"groups": [["class/file", "class/file"], ...]}}, with paths '
            "relative to the data folder."
        )
    twice = [file for file, count in Counter(named).items() if count > 1]
    if twice:
        raise ValueError(
            f"{path}: each image can be in one group only. Received {twice[0]} more than once; "
            "join its groups."
        )
    return [tuple(group) for group in groups]
