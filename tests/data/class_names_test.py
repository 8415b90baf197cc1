import shutil

import pytest

from tests.support import builders
from trash_keras.data import class_names, splits
from trash_keras.data.catalog import scan
from trash_keras.data.readers import base, shards
from trash_keras.data.sources.prepare import Request, prepare_dataset

NFC, NFD = "K\u00fcche", "Ku\u0308che"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gla\x1b[31mss", r'visible text.*Received: "gla\\x1b\[31mss"'),
        ("gla\nss", r'Received: "gla\\nss"'),
        ("gl\udce4s", r'not UTF-8. Received: "gl\\xe4s"'),
        ("glass\u200b", r'Received: "glass\\u200b"'),
        ("\ufeffglass", r'Received: "\\ufeffglass"'),
        ("ssalg\u202e", r'Received: "ssalg\\u202e"'),
        (" glass", 'begin or end with a blank. Received: " glass"'),
        ("glass\u00a0", "begin or end with a blank"),
    ],
)
def test_a_name_that_cannot_be_written_everywhere_is_refused(data_dir, name, message):
    (data_dir / "red").rename(data_dir / name)
    with pytest.raises(class_names.ClassNameError, match=message):
        scan(data_dir)
    with pytest.raises(class_names.ClassNameError, match=message):
        shards.by_class([f"{name}/1.jpg"])


@pytest.mark.parametrize(
    "name", ["1", "a & b", "$,|\"'<b>", "ガラス", "می‌شود", "re-cycle 2", "👩‍🔬", "con"]
)
def test_other_names_are_kept(data_dir, name):
    (data_dir / "red").rename(data_dir / name)
    assert name in scan(data_dir)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("Glass", "glass"), '"Glass" and "glass" differ only by case'),
        (("ÉCLAT", "éclat"), "differ only by case"),
        ((NFC, NFD), f'Two class folders are called "{NFC}"'),
        ((NFD.upper(), NFC), "differ only by case"),
    ],
)
def test_two_names_for_one_class_are_refused(data_dir, names, message):
    for name in names:
        shutil.copytree(data_dir / "red", data_dir / name)
    with pytest.raises(ValueError, match=message):
        splits.split(data_dir, "stratified")


def test_folders_without_images_are_not_asked(data_dir):
    (data_dir / " notes ").mkdir()
    (data_dir / "RED").mkdir()
    assert {"blue", "green", "red"} <= {*scan(data_dir)}


def test_decomposed_letters_of_macos_are_the_same_class(data_dir, tmp_path):
    (data_dir / "red").rename(data_dir / NFD)
    files = scan(data_dir)
    assert [*files] == [NFC, "blue", "green"]
    assert base.open_reader(data_dir).read(files[NFC][0])
    for split, form in (("train", NFD), ("val", NFC), ("test", NFD)):
        shutil.copytree(data_dir / "blue", tmp_path / "d" / split / "blue")
        shutil.copytree(data_dir / NFD, tmp_path / "d" / split / form)
    assert splits.split(tmp_path / "d", "folders").class_names == (NFC, "blue")


@pytest.mark.parametrize("name", ["unsure", "Unsure", "UNSURE"])
def test_the_label_of_abstention_is_no_class_to_train(data_dir, name, tmp_path):
    (data_dir / "red").rename(data_dir / name)
    with pytest.raises(ValueError, match=f'No class may be called "{name}"'):
        splits.split(data_dir, "stratified")
    for split in ("train", "val", "test"):
        shutil.copytree(data_dir, tmp_path / "d" / split)
    with pytest.raises(ValueError, match=f'No class may be called "{name}"'):
        splits.split(tmp_path / "d", "folders")


def test_prepare_says_which_name_it_refuses(tmp_path):
    data = builders.write_solid(tmp_path / "data", per_class=2)
    (data / "red").rename(data / "red ")
    with pytest.raises(ValueError, match=r'begin or end with a blank\. Received: "red "'):
        prepare_dataset(Request(str(data)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
