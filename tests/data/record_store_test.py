import json
import subprocess

import pytest

from trash_keras.data import records
from trash_keras.data.catalog import mixing_key
from trash_keras.data.record_store import RecordStore
from trash_keras.data.stores import FolderStore


@pytest.fixture
def store(data_dir):
    return FolderStore(data_dir)


@pytest.fixture
def paths(store):
    return sorted((path for paths in store.members().values() for path in paths), key=mixing_key)


def write(store, output, data_format, shards=5, megabytes=100):
    plan = records.plan(store, data_format, shards, megabytes)
    facts = [records.write_shard(store, plan, shard, output) for shard in range(plan.shards)]
    records.write_index(plan, facts, output)
    return RecordStore(output, data_format)


@pytest.mark.parametrize("data_format", records.FORMATS)
def test_shards_hold_what_the_folder_holds(store, paths, tmp_path, data_format):
    shards = write(store, tmp_path / "shards", data_format)
    assert shards.members() == store.members()
    assert all(shards.read(path) == store.read(path) for path in paths[:3])
    # 36 pictures in 5 shards, and a subset: shards of unequal length, gaps in every one.
    for wanted in (paths, paths[1::3], paths[-1:]):
        found = list(shards.encoded(wanted).as_numpy_iterator())
        assert [position for position, _ in found] == list(range(len(wanted)))
        assert [encoded for _, encoded in found] == [store.read(path) for path in wanted]
        assert len(shards.encoded(wanted)) == len(wanted)


def test_any_order_still_gives_each_picture_once(store, paths, tmp_path):
    shards = write(store, tmp_path, "tfrecord")
    found = dict(shards.encoded(paths[::2], ordered=False).as_numpy_iterator())
    assert found == {i: store.read(path) for i, path in enumerate(paths[::2])}


def test_shards_that_hold_none_of_the_images_are_not_opened(store, paths, tmp_path):
    shards = write(store, tmp_path, "tfrecord")
    for shard in (1, 3):
        (tmp_path / records.Plan("tfrecord", tuple(paths), 5).name(shard)).unlink()
    wanted = [path for index, path in enumerate(paths) if index % 5 not in (1, 3)]
    assert len(list(shards.encoded(wanted))) == len(wanted)


def test_no_shard_is_over_the_bound(store, paths, tmp_path):
    sizes = [len(store.read(path)) for path in paths]
    megabytes = 4 * max(sizes) / 1e6
    shards = write(store, tmp_path, "tfrecord", shards=2, megabytes=megabytes)
    index = json.loads((tmp_path / records.INDEX).read_text())
    assert len(index["shards"]) > 2
    assert sum(shard["examples"] for shard in index["shards"]) == len(paths)
    assert max(shard["bytes"] for shard in index["shards"]) < 1e6 * megabytes + 1000
    assert shards.members() == store.members()
    with pytest.raises(ValueError, match="less than the largest picture"):
        records.plan(store, "tfrecord", 2, max(sizes) / 2e6)
    with pytest.raises(ValueError, match="between 1 and the number of pictures, 36"):
        records.plan(store, "tfrecord", 37, 100)


def test_checksums_are_those_of_sha256sum(store, tmp_path):
    write(store, tmp_path, "array_record")
    check = subprocess.run(["sha256sum", "--check", records.CHECKSUMS], cwd=tmp_path)
    assert check.returncode == 0


def test_unfinished_cut_or_mistaken_shards_are_refused(store, tmp_path):
    with pytest.raises(ValueError, match="no finished shards"):
        RecordStore(tmp_path, "tfrecord")
    write(store, tmp_path, "tfrecord")
    with pytest.raises(ValueError, match="Use --data_format=tfrecord"):
        RecordStore(tmp_path, "array_record")
    with pytest.raises(ValueError, match="tfrecord or array_record"):
        RecordStore(tmp_path, "folder")
    shard = next(tmp_path.glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(ValueError, match="bytes instead of"):
        RecordStore(tmp_path, "tfrecord")
