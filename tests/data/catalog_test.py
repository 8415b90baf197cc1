import json

import numpy as np
import pytest

from trash_keras.data.catalog import Catalog, scan, single_split


def test_labels_are_those_of_the_folders_and_mixed(tmp_path, make):
    catalog = single_split(scan(make(tmp_path, {"b": 20, "a": 20})))
    paths, labels = catalog.examples("all")
    assert [catalog.class_names[label] for label in labels] == [path[0] for path in paths]
    assert 5 < np.abs(np.diff(labels)).sum() < 39


def test_the_first_images_of_each_split_are_those_of_its_order():
    files = {name: tuple(f"{name}/{number}.jpg" for number in range(9)) for name in "ab"}
    catalog = Catalog(("a", "b"), {"train": files, "test": {"b": files["b"]}})
    first = catalog.first(5)
    for split in ("train", "test"):
        assert first.examples(split)[0] == catalog.examples(split)[0][:5]
    assert catalog.first(100) == catalog


def test_save_and_load(tmp_path, make):
    catalog = single_split(scan(make(tmp_path / "data", {"a": 3, "b": 4}))).without(["a/a1.jpg"])
    catalog.save(tmp_path / "catalog.json")
    assert Catalog.load(tmp_path / "catalog.json") == catalog
    assert json.loads((tmp_path / "catalog.json").read_text())["counts"] == {
        "all": {"a": 2, "b": 4}
    }
    with pytest.raises(ValueError, match="No usable catalog"):
        Catalog.load(tmp_path / "data")
    (tmp_path / "data/b/b0.jpg").unlink()
    with pytest.raises(ValueError, match=r"b/b0\.jpg"):
        catalog.require(scan(tmp_path / "data"), "data")


def test_hidden_and_other_files_are_ignored(tmp_path, make):
    make(tmp_path, {"a": 1, ".git": 1})
    for name in ("a/.x.jpg", "a/notes.txt", "a/B.PNG"):
        (tmp_path / name).touch()
    assert scan(tmp_path) == {"a": ("a/B.PNG", "a/a0.jpg")}


def test_a_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"There is no data folder .*--source=synthetic"):
        scan(tmp_path / "gone")


def test_leaving_a_class_empty_is_refused(tmp_path, make):
    catalog = single_split(scan(make(tmp_path, {"a": 2, "b": 5})))
    with pytest.raises(ValueError, match="class a has no image in split all"):
        catalog.without(catalog.splits["all"]["a"])


@pytest.mark.parametrize("count", [0, 7, 12, 500])
def test_a_stratified_sample_has_each_class_in_proportion(count):
    files = {"a": tuple(f"a/{n}" for n in range(40)), "b": tuple(f"b/{n}" for n in range(20)),
               "c": ()}  # fmt: skip
    some = single_split(files).stratified_sample("all", count)
    sizes = some.counts()["all"]
    wanted = count if 0 < count < 60 else 60
    assert sizes["a"] + sizes["b"] == wanted and sizes["c"] == 0
    assert sizes["b"] == pytest.approx(wanted / 3, abs=1)
    assert set(some.splits["all"]["a"]) <= set(files["a"])
    if count == 7:
        larger = single_split(files).stratified_sample("all", 12)
        assert set(some.splits["all"]["a"]) <= set(larger.splits["all"]["a"])
