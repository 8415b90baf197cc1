import pytest

from trash_keras import sharding
from trash_keras.data import records, splits, stores
from trash_keras.data.sources import preparing
from trash_keras.data.stores import FolderStore

LAYOUT = sharding.Layout("tfrecord", 4, 100)


def request(source):
    return preparing.Request(str(source))


@pytest.mark.parametrize("data_format", records.FORMATS)
def test_a_folder_becomes_shards_and_a_second_call_does_nothing(data_dir, tmp_path, data_format):
    layout, output = sharding.Layout(data_format, 4, 100), tmp_path / "shards"
    done = sharding.prepare(request(data_dir), output, layout)
    assert done.counts == {"blue": 12, "green": 12, "red": 12} and not done.already
    assert {path.name for path in output.iterdir() if "pictures-" not in path.name} == {
        "index.json", "SHA256SUMS"
    }  # fmt: skip
    store = stores.open_store(output, data_format)
    assert store.members() == FolderStore(data_dir).members()
    of_shards = splits.split(output, "stratified", 5, listing=store)
    assert of_shards == splits.split(data_dir, "stratified", 5)
    before = {path.name: path.stat().st_mtime_ns for path in output.iterdir()}
    assert sharding.prepare(request(data_dir), output, layout) == preparing.Prepared(
        done.counts, already=True
    )
    assert {path.name: path.stat().st_mtime_ns for path in output.iterdir()} == before


def test_a_source_that_is_no_folder_is_unpacked_first(tmp_path):
    drawn = preparing.Request("synthetic", images_per_class=3)
    sharding.prepare(drawn, tmp_path / "shards", LAYOUT)
    assert not (tmp_path / "shards" / sharding.PICTURES).exists()
    preparing.prepare(drawn, tmp_path / "folder")
    store = stores.open_store(tmp_path / "shards", "tfrecord")
    assert store.members() == FolderStore(tmp_path / "folder").members()
    with pytest.raises(ValueError, match="must be unpacked before"):
        sharding.prepare(drawn, "memory://shards", LAYOUT)


def test_a_folder_in_an_object_store_is_read_and_written(data_dir, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(data_dir), "/pictures", recursive=True)
    sharding.prepare(request("memory://pictures"), tmp_path / "here", LAYOUT)
    here = stores.open_store(tmp_path / "here", "tfrecord")
    assert here.members() == FolderStore(data_dir).members()
    path = here.members()["red"][0]
    assert here.read(path) == (data_dir / path).read_bytes()
    sharding.prepare(request(data_dir), "memory://shards", LAYOUT)
    there = {name.rsplit("/")[-1] for name in memory.find("/shards")}
    assert there == {file.name for file in (tmp_path / "here").iterdir()}


def test_work_that_was_cut_short_goes_on(data_dir, tmp_path, monkeypatch):
    write_shard, written = records.write_shard, []

    def failing(store, plan, shard, output):
        if shard == 2 and len(written) == 2:
            raise OSError("disk full")
        written.append(shard)
        return write_shard(store, plan, shard, output)

    monkeypatch.setattr(records, "write_shard", failing)
    with pytest.raises(OSError, match="part 2: disk full"):
        sharding.prepare(request(data_dir), tmp_path / "out", LAYOUT)
    with pytest.raises(ValueError, match="no finished shards"):
        stores.open_store(tmp_path / "out", "tfrecord")
    with pytest.raises(ValueError, match="holds another job"):
        sharding.prepare(request(data_dir), tmp_path / "out", sharding.Layout("tfrecord", 5, 100))
    written.append("again")
    sharding.prepare(request(data_dir), tmp_path / "out", LAYOUT)
    assert written == [0, 1, "again", 2, 3]
    sharding.prepare(request(data_dir), tmp_path / "whole", LAYOUT)
    for name in ("index.json", "SHA256SUMS"):
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_a_used_folder_is_refused(data_dir, tmp_path):
    sharding.prepare(request(data_dir), tmp_path / "out", LAYOUT)
    other = tmp_path / "other"
    data_dir.rename(other)
    with pytest.raises(ValueError, match=r"holds the shards of .*data"):
        sharding.prepare(request(other), tmp_path / "out", LAYOUT)
    with pytest.raises(ValueError, match="is not empty: it holds blue"):
        sharding.prepare(request(other), other, LAYOUT)


@pytest.mark.slow
def test_beam_writes_the_same_shards(data_dir, tmp_path):
    sharding.prepare(request(data_dir), tmp_path / "here", LAYOUT)
    beam = sharding.Layout("tfrecord", 4, 100, "DirectRunner")
    sharding.prepare(request(data_dir), tmp_path / "beam", beam)
    for path in (tmp_path / "here").iterdir():
        assert path.read_bytes() == (tmp_path / "beam" / path.name).read_bytes()
