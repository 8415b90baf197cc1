"""Folders that mean a split are told from classes, in every verb that reads class folders."""

import itertools

import pytest

from trash_keras.data import split_folders, splits
from trash_keras.data.audit import audit
from trash_keras.data.catalog import SPLITS, scan
from trash_keras.data.sources.prepare import Request, prepare_dataset


def nested(make, root, *folders, counts=None):
    for folder in folders:
        make(root / folder, counts or {"can": 20, "jar": 20})
    return root


@pytest.mark.parametrize(
    ("folder", "split"),
    [("TRAIN", "train"), ("Training", "train"), ("train_set", "train"), ("TrainingData", "train"),
     ("train2017", "train"), ("images_train", "train"), ("trainval", "train"), ("val", "valid"),
     ("VALID", "valid"), ("Validation-Set", "valid"), ("dev", "valid"), ("testing", "test"),
     ("Test images", "test"), ("seg_test", "test"), ("TEST", "test"), ("paper", None),
     ("bullet_train", None), ("invalid", None), ("protest", None), ("device", None),
     ("data", None), ("latest", None)],
)  # fmt: skip
def test_names_mean_a_split_in_any_case_and_usual_spelling(folder, split):
    assert split_folders.split_of(folder) == split


@pytest.mark.parametrize(
    ("folders", "named"),
    [(("TRAIN", "TEST"), "TRAIN and TEST"), (("Training", "dev"), "Training and dev"),
     (("train", "Val", "testing"), "train, Val and testing"), (("test_set",), "test_set"),
     (("seg_train", "seg_test", "other"), "seg_train and seg_test"),
     (("flowers_train", "flowers_test"), "flowers_train and flowers_test")],
)  # fmt: skip
def test_splits_are_not_trained_on_as_classes(tmp_path, make, folders, named):
    nested(make, tmp_path, *folders)
    for method in ("stratified", "grouped"):
        with pytest.raises(ValueError, match=f"holds {named} instead of classes"):
            splits.split(tmp_path, method)
    with pytest.raises(ValueError, match=f"{named} instead of classes.* as --data_dir"):
        audit.read_catalog(tmp_path)


def test_images_without_class_folders_in_splits_are_no_classes(tmp_path, make):
    make(tmp_path, {"Train": 9, "Test": 9})
    with pytest.raises(ValueError, match="Train and Test instead of classes"):
        splits.split(tmp_path, "stratified")
    nested(make, tmp_path, "Train")
    with pytest.raises(ValueError, match="lies in no class folder"):
        splits.split(tmp_path, "folders")


@pytest.mark.parametrize(
    "counts",
    [{"test": 9, "can": 9, "jar": 9}, {"train": 9, "bus": 9}, {"valid": 9, "invalid": 9},
     {"Test": 9, "train": 9, "bus": 9, "car": 9}, {"bullet_train": 9, "steam_train": 9}],
)  # fmt: skip
def test_a_class_may_be_called_like_a_split_among_ordinary_ones(tmp_path, make, counts):
    catalog = splits.split(make(tmp_path, counts), "stratified")
    assert catalog.class_names == tuple(sorted(counts))
    assert audit.read_catalog(tmp_path).class_names == tuple(sorted(counts))


def test_a_class_called_test_may_have_folders_as_the_others_have(tmp_path, make):
    for name in ("can", "jar", "paper", "test"):
        make(tmp_path / name, {f"{name}_day1": 4, f"{name}_day2": 4})
    assert len(splits.split(tmp_path, "stratified").class_names) == 4


@pytest.mark.parametrize(
    ("folders", "missing", "share"),
    [(("TRAIN", "TEST"), "valid", 3), (("training", "Validation"), "test", 3)],
)
def test_two_splits_get_their_third_from_train_by_the_seed(
    tmp_path, make, folders, missing, share, capsys
):
    nested(make, tmp_path, *folders)
    catalog = splits.split(tmp_path, "folders", seed=3)
    assert f"no folder for {missing}" in capsys.readouterr().out
    assert tuple(catalog.splits) == SPLITS and catalog.class_names == ("can", "jar")
    (other,) = set(SPLITS) - {"train", missing}
    assert catalog.counts() == {
        "train": {"can": 20 - share, "jar": 20 - share},
        other: {"can": 20, "jar": 20}, missing: {"can": share, "jar": share},
    }  # fmt: skip
    parts = [set(catalog.examples(split)[0]) for split in SPLITS]
    assert not any(one & two for one, two in itertools.combinations(parts, 2))
    assert all(path.startswith(folders[0]) for path in catalog.examples(missing)[0])
    assert splits.split(tmp_path, "folders", seed=3) == catalog
    assert splits.split(tmp_path, "folders", seed=4) != catalog


def test_all_three_stay_as_they_are_in_either_order(tmp_path, make):
    nested(make, tmp_path / "out", "Train", "VAL", "Testing")
    for name in ("can", "jar"):
        make(tmp_path / "in" / name, {"Train": 20, "VAL": 20, "Testing": 20})
    for place in ("out", "in"):
        catalog = splits.split(tmp_path / place, "folders")
        counts = {"can": 20, "jar": 20}
        assert catalog.counts() == {"train": counts, "valid": counts, "test": counts}
    assert set(catalog.examples("test")[0]) == {
        f"{name}/Testing/Testing{number}.jpg" for name in ("can", "jar") for number in range(20)
    }
    with pytest.raises(ValueError, match="hold the splits Train, VAL and Testing"):
        splits.split(tmp_path / "in", "stratified")


def test_a_folder_between_split_and_classes_is_passed(tmp_path, make):
    nested(make, tmp_path, "seg_train/seg_train", "seg_test/seg_test")
    assert splits.split(tmp_path, "folders").class_names == ("can", "jar")


@pytest.mark.parametrize(
    ("folders", "message"),
    [(("train",), "Found: train alone. Name that folder as --data_dir"),
     (("val", "test"), "needs one folder train or training .*Found: test, val"),
     (("train", "Training", "test"), "Found: Training, train")],
)  # fmt: skip
def test_folders_that_make_no_split_are_refused(tmp_path, make, folders, message):
    with pytest.raises(ValueError, match=message):
        splits.split(nested(make, tmp_path, *folders), "folders")


@pytest.mark.parametrize(
    ("folders", "message"),
    [(("original", "resized"), "original and resized all hold the same folders.*can, jar"),
     (("data",), "Received one: data. It holds can, jar: .*as --data_dir"),
     (("data/train", "data/test"), "Received one: data. It holds test, train")],
)  # fmt: skip
def test_a_level_too_high_is_told(tmp_path, make, folders, message):
    with pytest.raises(ValueError, match=message):
        splits.split(nested(make, tmp_path, *folders), "stratified")


def test_prepare_counts_the_classes_and_names_the_flag(tmp_path, make, capsys):
    source = nested(make, tmp_path / "source", "TRAIN", "TEST")
    done = prepare_dataset(Request(str(source)), tmp_path / "data")
    assert done.counts == {"can": 40, "jar": 40}
    assert "TRAIN and TEST: taken for splits; train with --split_method=folders" in (
        capsys.readouterr().out
    )
    assert splits.split(tmp_path / "data", "folders").class_names == ("can", "jar")
    assert set(scan(tmp_path / "data")) == {"TRAIN", "TEST"}
