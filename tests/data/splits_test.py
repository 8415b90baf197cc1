import os
import re
from types import SimpleNamespace

import pytest

from trash_keras.data import splits
from trash_keras.data.catalog import SPLITS
from trash_keras.data.trashnet import official_lists


def all_paths(catalog):
    return [path for split in catalog.splits for path in catalog.examples(split)[0]]


def test_stratified_is_disjoint_complete_and_close_to_its_shares(tmp_path, make):
    make(tmp_path, {"a": 100, "b": 40, "c": 3})
    catalog = splits.split(tmp_path, "stratified", seed=1)
    paths = all_paths(catalog)
    assert len(paths) == len(set(paths)) == 143
    assert catalog.counts() == {
        "train": {"a": 70, "b": 28, "c": 1},
        "valid": {"a": 13, "b": 5, "c": 1},
        "test": {"a": 17, "b": 7, "c": 1},
    }


def test_one_seed_gives_one_split_in_whatever_order_the_disk_lists(tmp_path, make, monkeypatch):
    make(tmp_path, {"a": 30, "b": 30})
    first = splits.split(tmp_path, "stratified", seed=1)
    walk, listdir = os.walk, os.listdir
    monkeypatch.setattr("os.walk", lambda top: [(f, s, n[::-1]) for f, s, n in walk(top)])
    monkeypatch.setattr("os.listdir", lambda top: listdir(top)[::-1])
    assert splits.split(tmp_path, "stratified", seed=1) == first
    assert splits.split(tmp_path, "stratified", seed=2) != first
    # Recorded, so that another machine or version that splits otherwise is noticed.
    assert first.splits["valid"]["a"] == ("a/a12.jpg", "a/a18.jpg", "a/a6.jpg", "a/a7.jpg")


def test_a_few_more_images_move_few_others(tmp_path, make):
    where = []
    for count in (100, 105):
        catalog = splits.split(make(tmp_path, {"a": count, "b": count}), "stratified", seed=1)
        where.append({path: s for s in SPLITS for path in catalog.examples(s)[0]})
    before, after = where
    assert sum(after[path] != before[path] for path in before) < 20


@pytest.mark.parametrize(
    ("counts", "method", "message"),
    [
        ({}, "stratified", "has no images"),
        ({"a": 5}, "stratified", "At least two classes"),
        ({"a": 5, "b": 2}, "stratified", "Class b needs at least 3 images"),
        ({"a": 5, "b": 5}, "folders", "needs one folder train or training"),
        ({"train": 5, "test": 5}, "stratified", "--split_method=folders"),
        ({"a": 5, "b": 5}, "official", "which is not in the data folder"),
        ({"a": 5, "b": 5}, "random", "grouped, official or folders. Received: 'random'"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path, make, counts, method, message):
    data = tmp_path / "parent" / "data"
    data.mkdir(parents=True)
    with pytest.raises(ValueError, match=message):
        splits.split(make(data, counts), method)


def test_grouped_is_stratified_with_groups_kept_in_one_split(tmp_path, make):
    make(tmp_path, {"a": 100, "b": 40, "c": 6})
    stratified = splits.split(tmp_path, "stratified", seed=1)
    assert splits.split(tmp_path, "grouped", seed=1) == stratified
    torn = tuple(stratified.splits[split]["a"][0] for split in SPLITS)
    across = (stratified.splits["train"]["b"][0], stratified.splits["test"]["c"][0])
    grouped = splits.split(tmp_path, "grouped", seed=1, groups=[torn, across])
    assert sorted(all_paths(grouped)) == sorted(all_paths(stratified))
    assert grouped.counts() == stratified.counts()
    where = {path: split for split in SPLITS for path in grouped.examples(split)[0]}
    assert len({where[path] for path in torn}) == len({where[path] for path in across}) == 1
    # Only the groups, and what made room for them, have moved.
    before = {path: split for split in SPLITS for path in stratified.examples(split)[0]}
    assert sum(where[path] != before[path] for path in before) <= 8
    whole_class = [tuple(path for path in before if path.startswith("c/"))]
    with pytest.raises(ValueError, match=r"Class c has no image .* near-duplicates are kept"):
        splits.split(tmp_path, "grouped", seed=1, groups=whole_class)


def test_folders_keep_their_split(tmp_path, make):
    for folder, count in (("train", 5), ("val", 2), ("test", 1)):
        make(tmp_path / folder, {"a": count, "b": count})
    catalog = splits.split(tmp_path, "folders")
    assert [len(catalog.examples(split)[0]) for split in SPLITS] == [10, 4, 2]
    assert catalog.splits["valid"]["a"] == ("val/a/a0.jpg", "val/a/a1.jpg")
    make(tmp_path / "train", {"c": 1})
    with pytest.raises(ValueError, match="train and valid differ: c"):
        splits.split(tmp_path, "folders")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({"train": {"a": 1}, "valid": {"a": 1}, "test": {"a": 1}}, "At least two classes"),
        ({"train": {"a": 1, "b": 1}, "valid": {"a": 1, "b": 1}, "test": {"a": 0, "b": 1}},
         "The class folders of train and test differ: a"),
        ({"training": {"a": 1, "b": 1}, "val": {"a": 1}, "valid": {"a": 1}}, "Found: val, valid"),
    ],
)  # fmt: skip
def test_split_folders_that_do_not_fit_are_refused(tmp_path, make, folders, message):
    for name, counts in folders.items():
        make(tmp_path / name, counts)
    with pytest.raises(ValueError, match=message):
        splits.split(tmp_path, "folders")


def official(tmp_path, train="glass1.jpg 1\npaper1.jpg 2\n"):
    names = ["glass", "paper"]
    for name in names:
        (tmp_path / "images" / name).mkdir(parents=True)
        for index in (1, 2, 3):
            (tmp_path / "images" / name / f"{name}{index}.jpg").touch()
    lists = {"train": train, "val": "glass2.jpg 1\npaper2.jpg 2\n",
             "test": "glass3.jpg 1\npaper3.jpg 2\n"}  # fmt: skip
    for name, text in lists.items():
        (tmp_path / f"one-indexed-files-notrash_{name}.txt").write_text(text)
    return tmp_path / "images"


def test_official_lists_are_read_by_name(tmp_path):
    catalog = splits.split(official(tmp_path), "official")
    assert catalog.splits["test"] == {
        "glass": ("glass/glass3.jpg",),
        "paper": ("paper/paper3.jpg",),
    }


def test_a_split_that_comes_with_the_data_is_taken_unless_lists_are_named(tmp_path):
    files = {name: tuple(f"{name}/{name}{number}.jpg" for number in (1, 2, 3)) for name in
             ("glass", "paper")}  # fmt: skip
    own = {split: {name: (paths[place],) for name, paths in files.items()}
           for place, split in enumerate(("test", "valid", "train"))}  # fmt: skip
    listing = SimpleNamespace(files_by_class=lambda: files, predefined_splits=lambda: own)
    images = official(tmp_path)
    assert splits.split(images, "official", listing=listing).splits == own
    named = splits.split(images, "official", split_dir=tmp_path, listing=listing)
    assert named == splits.split(images, "official") and named.splits != own


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("glass1.jpg 1\n", "1 images are in none"),
        ("glass1.jpg 1\npaper1.jpg 1\n", "calls paper1.jpg glass"),
        ("glass1.jpg 1\npaper9.jpg 2\n", "names paper9.jpg"),
        ("glass1.jpg 1\nglass2.jpg 1\npaper1.jpg 2\n", "is in two lists"),
        ("glass1.jpg one\n", "line 1: expected 'FILE NUMBER'"),
    ],
)
def test_official_lists_that_do_not_fit_are_refused(tmp_path, train, message):
    with pytest.raises(ValueError, match=message):
        splits.split(official(tmp_path, train), "official")


def test_official_lists_come_with_the_package(tmp_path):
    lists = official_lists.LISTS_DIR.glob("one-indexed-*.txt")
    names = [line.split()[0] for path in lists for line in path.read_text().splitlines()]
    for name in names:
        folder = tmp_path / "images" / re.sub(r"\d+\.jpg", "", name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    catalog = splits.split(tmp_path / "images", "official")
    assert [len(catalog.examples(split)[0]) for split in SPLITS] == [1768, 328, 431]
    assert "cardboard/cardboard202.jpg" in catalog.splits["train"]["cardboard"]


def test_an_incomplete_set_of_official_lists_is_refused(tmp_path):
    data = official(tmp_path)
    (tmp_path / "one-indexed-files-notrash_val.txt").unlink()
    with pytest.raises(ValueError, match=r"no official list .*notrash_val\.txt"):
        splits.split(data, "official")
    with pytest.raises(ValueError, match=r"no official list .*notrash_train\.txt"):
        splits.split(data, "official", split_dir=data)
