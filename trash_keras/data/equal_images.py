"""Images that are equal byte for byte: in several sources, or under several classes.

Copies in several sources stay in one split, or a test would be known. Of copies with several
classes all labels but one are wrong.
"""

from collections.abc import Mapping, Sequence

from trash_keras.data.catalog import SPLITS, Catalog
from trash_keras.data.groups import Group, connected


def require_together(catalog: Catalog, groups: Sequence[Group]) -> None:
    """Checks that a split which is given, not drawn, divides no group.

    Raises:
        ValueError: It does; names one.
    """
    place = {path: name for name in SPLITS for path in catalog.examples(name)[0]}
    for group in groups:
        where = {place[path]: path for path in group if path in place}
        if len(where) > 1:
            told = " and ".join(f"{path} ({name})" for name, path in where.items())
            raise ValueError(
                f"The same image lies in two sources and in two splits: {told}. Remove one of "
                "them, or use --split_method=stratified, which keeps them together."
            )


def find(catalog: Catalog, digests: Mapping[str, str]) -> list[Group]:
    """Finds images that lie in several sources, byte for byte, and says how many there are.

    Args:
        catalog: Of some sources.
        digests: Path -> SHA-256 of the content of each of its images.

    Returns:
        The paths of each such image, to be kept in one split.
    """
    by_digest: dict[str, list[str]] = {}
    for path in catalog.paths() if catalog.sources else ():
        by_digest.setdefault(digests[path], []).append(path)
    source_of = catalog.source_of()
    equal = [tuple(sorted(paths)) for paths in by_digest.values()
             if len({source_of[path] for path in paths}) > 1]  # fmt: skip
    if equal:
        class_of = {path: name for name, paths in catalog.files_by_class().items()
                    for path in paths}  # fmt: skip
        torn = sum(len({class_of[path] for path in group}) > 1 for group in equal)
        labels = f"; {torn} of them of two classes, so that one label is wrong" if torn else ""
        print(
            f"The same in several sources, and kept together: {len(equal)} "
            f"{'image' if len(equal) == 1 else 'images'}, "
            f"{' = '.join(equal[0])} for one{labels}",
            flush=True,
        )
    return equal


def label_conflicts(catalog: Catalog, digests: Mapping[str, str]) -> tuple[Group, ...]:
    """Finds images that are equal byte for byte and have several classes.

    Args:
        catalog: Of some images.
        digests: Path -> SHA-256 of the content of each of its images.
    """
    found: dict[str, dict[str, str]] = {}
    for name, paths in catalog.files_by_class().items():
        for path in paths:
            found.setdefault(digests[path], {})[path] = name
    groups = (tuple(sorted(group)) for group in found.values() if len(set(group.values())) > 1)
    return tuple(sorted(groups))


def joined_groups(first: Sequence[Group], second: Sequence[Group]) -> list[Group]:
    """Joins two lists of groups to one in which no image is in two groups."""
    if not first or not second:
        return [*first, *second]
    paths = sorted({path for group in (*first, *second) for path in group})
    number = {path: index for index, path in enumerate(paths)}
    links = [[number[path] for path in group] for group in (*first, *second)]
    return [tuple(paths[index] for index in each) for each in connected(len(paths), links)]
