import time

import pytest

from trash_keras.data import splits
from trash_keras.data.catalog import shuffle_key
from trash_keras.data.readers import base, shard_writer


def test_a_folder_streams_its_files_in_order(data_dir):
    reader = base.open_reader(data_dir)
    paths = sorted(reader.files_by_class()["red"], key=shuffle_key)
    found = list(reader.encoded(paths).as_numpy_iterator())
    assert found == [(i, (data_dir / path).read_bytes()) for i, path in enumerate(paths)]
    assert reader.read(paths[0]) == found[0][1]


def test_locations_change_with_a_file(data_dir):
    reader = base.open_reader(data_dir)
    paths = reader.files_by_class()["red"]
    before = reader.locations(paths)
    (data_dir / paths[1]).write_bytes(b"other")
    changed = [one != other for one, other in zip(before, reader.locations(paths), strict=True)]
    assert changed == [False, True] + [False] * (len(paths) - 2)


def test_the_format_decides_the_reader(data_dir, tmp_path):
    with pytest.raises(ValueError, match="no finished shards"):
        base.open_reader(data_dir, "tfrecord")
    folder = base.open_reader(data_dir)
    plan = shard_writer.plan(folder, "tfrecord", 1, 100)
    shard_writer.write_index(plan, [shard_writer.write_shard(folder, plan, 0, tmp_path)], tmp_path)
    assert base.open_reader(tmp_path, "tfrecord").files_by_class() == folder.files_by_class()


@pytest.mark.slow
def test_200_000_files_are_catalogued_in_seconds(tmp_path):
    for name in ("one", "two"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(100_000):
            (tmp_path / "data" / name / f"{index}.jpg").touch()
    started = time.monotonic()
    catalog = splits.split(tmp_path / "data", "stratified")
    catalog.save(tmp_path / "catalog.json")
    assert time.monotonic() - started < 20
    assert sum(sum(counts.values()) for counts in catalog.counts().values()) == 200_000
