"""Divides pictures among parts of wanted sizes, whether two parts or ten."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from trash_keras.data.audit.groups import Group
from trash_keras.data.catalog import Members, mixing_key

Quotas = Mapping[str, Mapping[str, int]]  # part -> class name -> pictures wanted


def deal(
    members: Members, quotas: Quotas, seed: str, groups: Sequence[Group] = ()
) -> dict[str, Members]:
    """Divides pictures among parts; those of a group come into the same one.

    Groups, and each other picture by itself, come in an order that is shuffled by a hash of seed
    and path: the same on every machine, with every NumPy, and little changed by a few more
    pictures. Each goes where it brings the numbers of pictures nearest to those wanted, and of
    equally good parts to the first. So pictures without groups fill one part after the other,
    exactly; a group of pictures of several classes goes where there is room for all of them.

    (scikit-learn's `StratifiedGroupKFold` makes folds of equal size alone, no 70, 13 and 17%.)

    Args:
        members: Class name -> paths, each in one class.
        quotas: Pictures wanted; over the parts they add up to those that there are.
        seed: Decides the order, and with it everything.
        groups: Paths that belong together, no path in two groups; paths that are not in
            `members` are passed over.

    Returns:
        Part -> class name -> sorted paths, in the order of `quotas`. Parts can miss what was
        wanted when groups are large.
    """
    class_of = {path: name for name, paths in members.items() for path in paths}
    wanted = {part: Counter(counts) for part, counts in quotas.items()}
    chosen: dict[str, dict[str, list[str]]] = {
        part: {name: [] for name in members} for part in quotas
    }
    for unit in _units(class_of, seed, groups):
        counts = Counter(class_of[path] for path in unit)
        costs = {part: _cost(wanted[part], counts) for part in quotas}
        best = min(costs, key=costs.__getitem__)
        wanted[best].subtract(counts)
        for path in unit:
            chosen[best][class_of[path]].append(path)
    return {
        part: {name: tuple(sorted(paths)) for name, paths in classes.items()}
        for part, classes in chosen.items()
    }


def _units(class_of: Mapping[str, str], seed: str, groups: Iterable[Group]) -> list[Group]:
    together = [tuple(sorted(path for path in group if path in class_of)) for group in groups]
    grouped = {path for group in together for path in group}
    units = [group for group in together if group]
    units += [(path,) for path in class_of if path not in grouped]
    return sorted(units, key=lambda unit: mixing_key(f"{seed}:{unit[0]}"))


def _cost(wanted: Counter[str], counts: Counter[str]) -> int:
    """Returns how much further from the numbers wanted a part would be with these pictures."""
    return sum(abs(wanted[name] - count) - abs(wanted[name]) for name, count in counts.items())
