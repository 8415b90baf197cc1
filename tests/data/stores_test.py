import time

import pytest

from trash_keras.data import records, splits, stores
from trash_keras.data.catalog import mixing_key


def test_a_folder_streams_its_files_in_order(data_dir):
    store = stores.open_store(data_dir)
    paths = sorted(store.members()["red"], key=mixing_key)
    found = list(store.encoded(paths).as_numpy_iterator())
    assert found == [(i, (data_dir / path).read_bytes()) for i, path in enumerate(paths)]
    assert store.read(paths[0]) == found[0][1]


def test_locations_change_with_a_file(data_dir):
    store = stores.open_store(data_dir)
    paths = store.members()["red"]
    before = store.locations(paths)
    (data_dir / paths[1]).write_bytes(b"other")
    changed = [one != other for one, other in zip(before, store.locations(paths), strict=True)]
    assert changed == [False, True] + [False] * (len(paths) - 2)


def test_the_format_picks_the_store(data_dir, tmp_path):
    with pytest.raises(ValueError, match="no finished shards"):
        stores.open_store(data_dir, "tfrecord")
    folder = stores.open_store(data_dir)
    plan = records.plan(folder, "tfrecord", 1, 100)
    records.write_index(plan, [records.write_shard(folder, plan, 0, tmp_path)], tmp_path)
    assert stores.open_store(tmp_path, "tfrecord").members() == folder.members()


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
