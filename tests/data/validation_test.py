import pytest

from trash_keras.data import validation
from trash_keras.data.catalog import shuffle_key, single_split
from trash_keras.data.readers import base, shard_writer


@pytest.fixture(params=["folder", "tfrecord", "array_record"])
def reader(request, data_dir, tmp_path):
    (data_dir / "red" / "broken.jpg").write_bytes(b"text")
    folder = base.FolderReader(data_dir)
    if request.param == "folder":
        return folder
    plan = shard_writer.plan(folder, request.param, 3, 100)
    facts = [shard_writer.write_shard(folder, plan, shard, tmp_path / "out") for shard in range(3)]
    shard_writer.write_index(plan, facts, tmp_path / "out")
    return base.open_reader(tmp_path / "out", request.param)


def test_bad_files_are_named_or_left_out(reader):
    catalog = single_split(reader.files_by_class())
    with pytest.raises(ValueError, match=r"1 of 37 files .*red/broken.jpg .*--bad_files=skip"):
        validation.keep_decodable(catalog, reader, "error", 100)
    kept = validation.keep_decodable(catalog, reader, "skip", 100)
    assert kept.bad_files == ("red/broken.jpg",) and kept.counts()["all"]["red"] == 12


def test_the_limit_of_pixels_counts(data_dir):
    reader = base.FolderReader(data_dir)
    paths = sorted(reader.files_by_class()["red"], key=shuffle_key)
    assert not validation.verify_images(reader, paths, 480e-6)
    bad = validation.verify_images(reader, paths, 479e-6)
    assert len(bad) == 12 and "over the limit" in bad[paths[0]]


def test_a_file_that_cannot_be_read_says_why(data_dir):
    reader = base.FolderReader(data_dir)
    path = "red/gone.jpg"
    (data_dir / path).symlink_to(data_dir / "nowhere.jpg")
    assert validation.verify_images(reader, [path], 100) == {
        path: "cannot be read: No such file or directory"
    }


def test_equal_images_of_two_classes_are_noted(data_dir):
    reader = base.FolderReader(data_dir)
    for copy in ("blue/copy.png", "red/copy.png"):
        (data_dir / copy).write_bytes((data_dir / "red" / "red0.png").read_bytes())
    (data_dir / "green" / "again.png").write_bytes((data_dir / "green" / "green0.png").read_bytes())
    catalog = single_split(reader.files_by_class())
    kept = validation.keep_decodable(catalog, reader, "error", 100)
    equal = {
        tuple(sorted({path.split("/")[0] for path in group})) for group in kept.label_conflicts
    }
    assert ("blue", "red") in equal
    assert any({"blue/copy.png", "red/copy.png", "red/red0.png"} <= set(group)
               for group in kept.label_conflicts)  # fmt: skip
    assert not any("green/again.png" in group for group in kept.label_conflicts)
