"""Copies of unsure images: whole, once each, under names that never clash."""

import dataclasses
import json

import pytest
from PIL import Image

from trash_keras.predictor import Prediction
from trash_keras.review import collect

UNSURE = {"glass": 0.5, "metal": 0.45, "paper": 0.05}


def write(path, colour, kind="PNG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), colour).save(path, kind)
    return str(path)


def save(files, folder, model="m.tflite", probabilities=UNSURE):
    counts = collect.Counts()
    predictions = [Prediction(file, probabilities, threshold=0.9) for file in files]
    found = list(collect.collect(predictions, folder, model, counts))
    assert [each.file for each in found] == list(files)
    return found, (counts.saved, counts.already)


def test_unsure_images_are_copied_and_sure_ones_are_not(tmp_path):
    file, target = write(tmp_path / "a.png", "red"), tmp_path / "unsure"
    assert save([file], target, probabilities={"glass": 0.95, "metal": 0.05})[1] == (0, 0)
    assert not target.exists()
    assert save([file], target)[1] == (1, 0)
    (copy,) = target.glob("*.png")
    assert copy.read_bytes() == (tmp_path / "a.png").read_bytes()


def test_equal_names_do_not_clash_and_equal_bytes_are_copied_once(tmp_path):
    files = [write(tmp_path / place / "a.png", place) for place in ("red", "blue")]
    twice = write(tmp_path / "other name.png", "red")
    assert save([*files, twice], tmp_path / "unsure")[1] == (2, 1)
    assert save(files, tmp_path / "unsure")[1] == (0, 2)
    assert len(list((tmp_path / "unsure").glob("*.png"))) == 2


def test_what_a_person_has_named_counts_as_there(tmp_path):
    target = tmp_path / "unsure"
    file = write(tmp_path / "a.png", "red")
    save([file], target)
    (copy,) = target.glob("*.png")
    (target / "named" / "glass").mkdir(parents=True)
    copy.rename(target / "named" / "glass" / copy.name)
    assert save([file], target)[1] == (0, 1)
    assert f"named/glass/{copy.name}" in json.loads((target / "unsure.json").read_text())["images"]


def test_the_record_says_where_images_come_from_and_what_the_model_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [write(tmp_path / f"{name}.png", name) for name in ("red", "blue")]
    for file in files:  # a second call adds to it
        save([file], "unsure")
    record = collect.read_record(tmp_path / "unsure")
    assert record["model"] == str(tmp_path / "m.tflite")
    assert sorted(row["file"] for row in record["images"].values()) == sorted(files)
    for name, row in record["images"].items():
        assert (tmp_path / "unsure" / name).is_file()
        assert row["label"] == "unsure" and row["probabilities"] == UNSURE
        assert [each["label"] for each in row["candidates"]] == ["glass", "metal"]


def test_the_record_of_work_that_is_cut_short_is_written(tmp_path):
    file = write(tmp_path / "a.png", "red")
    predictions = iter([Prediction(file, UNSURE, threshold=0.9)] * 2)
    running = collect.collect(predictions, tmp_path / "unsure", "", collect.Counts())
    next(running)
    running.close()
    assert len(collect.read_record(tmp_path / "unsure")["images"]) == 1


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense", '{"model": "", "images": 3}'])
def test_another_file_of_that_name_is_not_overwritten(tmp_path, text):
    (tmp_path / "unsure.json").write_text(text)
    with pytest.raises(ValueError, match=r"unsure\.json is no record of .* Remove it"):
        save([write(tmp_path / "in" / "a.png", "red")], tmp_path)
    assert (tmp_path / "unsure.json").read_text() == text


def test_an_image_that_is_gone_says_so_and_stops_nothing(tmp_path):
    gone, there = str(tmp_path / "gone.png"), write(tmp_path / "a.png", "red")
    (first, second), counts = save([gone, there], tmp_path / "unsure")
    assert first.error == "not copied: cannot be read: No such file or directory"
    assert (second.error, counts) == ("", (1, 0))


def test_a_copy_that_cannot_be_written_leaves_nothing_half_written(tmp_path, monkeypatch):
    file = write(tmp_path / "a.png", "red")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        save([file], tmp_path / "unsure")
    assert list((tmp_path / "unsure").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd.png", "passwd"), (".hidden.png", "hidden"),
        ("a\nb\x1b[1m.png", "a_b__1m"),
        ("caf\udce9.png", "caf_"), ("<img src=x>.png", "_img src_x_"), (" .png", "image"),
        ("gs://bucket/Glas ünd.PNG", "Glas ünd"), ("é" * 200 + ".png", "é" * 75),
        ("c:\\photos\\a.png", "a"), ("no suffix", "no suffix"), ("photo.3", "photo.3"),
    ],
)  # fmt: skip
def test_names_of_copies_are_plain(tmp_path, name, stem):
    encoded = (tmp_path / "a.png", write(tmp_path / "a.png", "red"))[0].read_bytes()
    found = collect.copy_name(name, encoded)
    start, digest = found.removesuffix(".png").rsplit("-", 1)
    assert (start, len(digest)) == (stem, 12) and found.endswith(".png")
    assert collect.copy_name(found, encoded) == found


def test_saliency_maps_stay_with_their_predictions(tmp_path):
    file = write(tmp_path / "a.png", "red")
    given = Prediction(file, UNSURE, threshold=0.9, explanation="map.jpg")
    (found,) = collect.collect([given], tmp_path / "unsure", "", collect.Counts())
    assert found == dataclasses.replace(given)
