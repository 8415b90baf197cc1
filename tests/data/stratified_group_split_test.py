from collections import Counter

import pytest

from trash_keras.data.splits import stratified_group_split


def named(**counts):
    return {name: tuple(f"{name}/{i}.jpg" for i in range(count)) for name, count in counts.items()}


def sizes(parts):
    return {part: {name: len(paths) for name, paths in parts[part].items()} for part in parts}


def where(parts):
    return {path: part for part in parts for paths in parts[part].values() for path in paths}


def test_single_images_fill_the_parts_exactly_in_hashed_order():
    quotas = {"few": {"a": 2, "b": 1}, "many": {"a": 8, "b": 3}}
    parts = stratified_group_split(named(a=10, b=4), quotas, "7")
    assert sizes(parts) == quotas and list(parts) == ["few", "many"]
    assert len(where(parts)) == 14
    # Recorded, so that another machine or NumPy that divides otherwise is noticed.
    assert parts["few"] == {"a": ("a/0.jpg", "a/2.jpg"), "b": ("b/1.jpg",)}


def test_groups_stay_whole_across_classes_and_the_sizes_still_fit():
    files = named(a=60, b=40)
    groups = [(f"a/{i}.jpg", f"b/{i}.jpg", f"a/{i + 30}.jpg") for i in range(8)]
    quotas = {"valid": {"a": 8, "b": 5}, "test": {"a": 10, "b": 7}, "train": {"a": 42, "b": 28}}
    parts_with_groups = Counter()
    for seed in range(20):
        parts = stratified_group_split(files, quotas, str(seed), groups)
        assert sizes(parts) == quotas
        place = where(parts)
        assert all(len({place[path] for path in group}) == 1 for group in groups)
        parts_with_groups.update(place[group[0]] for group in groups)
    # Groups are divided like the rest: 160 of them by 13, 17 and 70%, not all into one part.
    assert parts_with_groups["train"] == pytest.approx(112, abs=20)
    assert min(parts_with_groups.values()) > 5


def test_neither_the_order_of_files_nor_that_of_groups_matters():
    groups = [("a/1.jpg", "a/2.jpg"), ("b/1.jpg", "a/7.jpg")]
    quotas = {"one": {"a": 5, "b": 3}, "other": {"a": 5, "b": 3}}
    files = named(a=10, b=6)
    turned = {name: paths[::-1] for name, paths in files.items()}
    turned_groups = [group[::-1] for group in reversed(groups)]
    parts = stratified_group_split(files, quotas, "0", groups)
    assert stratified_group_split(turned, quotas, "0", turned_groups) == parts
    assert stratified_group_split(files, quotas, "1", groups) != parts


def test_large_groups_come_as_near_as_they_can():
    groups = [tuple(f"a/{i}.jpg" for i in range(first, first + 25)) for first in range(0, 250, 25)]
    quotas = {f"fold{fold}": {"a": 50} for fold in range(5)}
    assert sizes(stratified_group_split(named(a=250), quotas, "0", groups)) == quotas
    quotas = {"valid": {"a": 32}, "test": {"a": 43}, "train": {"a": 175}}
    found = sizes(stratified_group_split(named(a=250), quotas, "0", groups))
    assert found == {"valid": {"a": 25}, "test": {"a": 50}, "train": {"a": 175}}


def test_paths_of_other_images_are_ignored():
    quotas = {"one": {"a": 2}, "other": {"a": 2}}
    groups = [("a/0.jpg", "z/9.jpg"), ("z/1.jpg", "z/2.jpg")]
    assert sizes(stratified_group_split(named(a=4), quotas, "0", groups)) == quotas
