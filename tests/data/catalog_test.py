import dataclasses
import json

import numpy as np
import pytest

from trash_keras.data.catalog import Catalog, format_counts, scan, single_split


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


def test_every_field_survives_saving(tmp_path):
    images = {"a": ("x/a/1.jpg", "y/a/2.jpg"), "b": ("x/b/3.jpg",)}
    catalog = Catalog(
        ("a", "b"), {"train": images, "test": {"a": (), "b": ("y/b/4.jpg",)}},
        bad_files=("x/a/bad.jpg",), images_sha256="0f" * 32, sources=("x", "y"),
        label_conflicts=(("x/a/1.jpg", "y/b/4.jpg"),),
    )  # fmt: skip
    assert len(dataclasses.fields(catalog)) == 6  # a new one belongs above
    catalog.save(tmp_path / "catalog.json")
    # Equal catalogs may differ in some of them.
    assert dataclasses.asdict(Catalog.load(tmp_path / "catalog.json")) == dataclasses.asdict(
        catalog
    )


def test_what_a_model_is_fitted_to_and_judged_by():
    files = {"a": ("a/1.jpg",), "b": ("b/2.jpg",)}
    divided = Catalog(("a", "b"), {"train": files, "valid": files, "test": files})
    assert (divided.learned_from(), divided.judged_by()) == ("train", "test")
    whole = single_split(files)
    assert (whole.learned_from(), whole.judged_by()) == ("all", "all")
    assert divided.only("valid").splits == {"valid": files}
    with pytest.raises(ValueError, match=r"no split 'all'\. It has: train, valid, test"):
        divided.only("all")


def test_all_splits_together_are_every_image_once():
    train, test = {"a": ("a/3.jpg", "a/1.jpg"), "b": ("b/4.jpg",)}, {"a": ("a/2.jpg",)}
    catalog = Catalog(("a", "b"), {"train": train, "test": test}, bad_files=("a/0.jpg",))
    whole = catalog.as_whole()
    assert whole.splits == {"all": {"a": ("a/1.jpg", "a/2.jpg", "a/3.jpg"), "b": ("b/4.jpg",)}}
    assert whole.bad_files == catalog.bad_files
    assert whole.paths() == whole.examples("all")[0] == catalog.paths()
    assert catalog.counts()["test"] == {"a": 1, "b": 0}
    assert format_counts(catalog.counts()["train"]) == "a 2, b 1"


def test_files_left_out_are_listed_once_with_those_before():
    catalog = Catalog(("a",), {"all": {"a": ("a/1", "a/2", "a/3")}}, bad_files=("a/0", "a/9"))
    less = catalog.without(["a/3", "a/0"])
    assert less.splits == {"all": {"a": ("a/1", "a/2")}}
    assert less.bad_files == ("a/0", "a/3", "a/9")
    assert catalog.without([]) is catalog


def test_a_sample_of_several_sources_keeps_them():
    files = {"a": tuple(f"{source}/a/{n}" for source in "xy" for n in range(9))}
    some = Catalog(("a",), {"test": files}, sources=("x", "y")).stratified_sample("test", 6)
    assert some.sources == ("x", "y") and list(some.splits) == ["test"]
    assert single_split(files).source_of() == {}
    assert {path[0] for path in some.examples("test")[0]} == {"x", "y"}
