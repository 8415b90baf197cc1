import json
import subprocess

import pytest

from trash_keras.data.catalog import shuffle_key
from trash_keras.data.readers import shard_writer
from trash_keras.data.readers.base import FolderReader
from trash_keras.data.readers.shards import ShardReader


@pytest.fixture
def reader(data_dir):
    return FolderReader(data_dir)


@pytest.fixture
def paths(reader):
    return sorted(
        (path for paths in reader.files_by_class().values() for path in paths), key=shuffle_key
    )


def write(reader, output, data_format, shards=5, megabytes=100):
    plan = shard_writer.plan(reader, data_format, shards, megabytes)
    facts = [shard_writer.write_shard(reader, plan, shard, output) for shard in range(plan.shards)]
    shard_writer.write_index(plan, facts, output)
    return ShardReader(output, data_format)


@pytest.mark.parametrize("data_format", shard_writer.FORMATS)
def test_shards_hold_what_the_folder_holds(reader, paths, tmp_path, data_format):
    shards = write(reader, tmp_path / "shards", data_format)
    assert shards.files_by_class() == reader.files_by_class()
    assert all(shards.read(path) == reader.read(path) for path in paths[:3])
    # 36 images in 5 shards, and some of them: shards of unequal length, gaps in every one.
    for wanted in (paths, paths[1::3], paths[-1:]):
        found = list(shards.encoded(wanted).as_numpy_iterator())
        assert [position for position, _ in found] == list(range(len(wanted)))
        assert [encoded for _, encoded in found] == [reader.read(path) for path in wanted]
        assert len(shards.encoded(wanted)) == len(wanted)


def test_any_order_still_gives_each_image_once(reader, paths, tmp_path):
    shards = write(reader, tmp_path, "tfrecord")
    found = dict(shards.encoded(paths[::2], ordered=False).as_numpy_iterator())
    assert found == {i: reader.read(path) for i, path in enumerate(paths[::2])}


def test_shards_that_hold_none_of_the_images_are_not_opened(reader, paths, tmp_path):
    shards = write(reader, tmp_path, "tfrecord")
    for shard in (1, 3):
        (tmp_path / shard_writer.Plan("tfrecord", tuple(paths), 5).name(shard)).unlink()
    wanted = [path for index, path in enumerate(paths) if index % 5 not in (1, 3)]
    assert len(list(shards.encoded(wanted))) == len(wanted)


def test_no_shard_is_over_the_bound(reader, paths, tmp_path):
    sizes = [len(reader.read(path)) for path in paths]
    megabytes = 4 * max(sizes) / 1e6
    shards = write(reader, tmp_path, "tfrecord", shards=2, megabytes=megabytes)
    index = json.loads((tmp_path / shard_writer.INDEX).read_text())
    assert len(index["shards"]) > 2
    assert sum(shard["examples"] for shard in index["shards"]) == len(paths)
    assert max(shard["bytes"] for shard in index["shards"]) < 1e6 * megabytes + 1000
    assert shards.files_by_class() == reader.files_by_class()
    with pytest.raises(ValueError, match="less than the largest image"):
        shard_writer.plan(reader, "tfrecord", 2, max(sizes) / 2e6)
    with pytest.raises(ValueError, match="between 1 and the number of images, 36"):
        shard_writer.plan(reader, "tfrecord", 37, 100)


def test_checksums_are_those_of_sha256sum(reader, tmp_path):
    write(reader, tmp_path, "array_record")
    check = subprocess.run(["sha256sum", "--check", shard_writer.CHECKSUMS], cwd=tmp_path)
    assert check.returncode == 0


def test_unfinished_cut_or_mistaken_shards_are_refused(reader, tmp_path):
    with pytest.raises(ValueError, match="no finished shards"):
        ShardReader(tmp_path, "tfrecord")
    write(reader, tmp_path, "tfrecord")
    with pytest.raises(ValueError, match="Use --data_format=tfrecord"):
        ShardReader(tmp_path, "array_record")
    with pytest.raises(ValueError, match="tfrecord or array_record"):
        ShardReader(tmp_path, "folder")
    shard = next(tmp_path.glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(ValueError, match="bytes instead of"):
        ShardReader(tmp_path, "tfrecord")
