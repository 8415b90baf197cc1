import pytest

from trash_keras.batch import shards
from trash_keras.data import splits
from trash_keras.data.readers import base, shard_writer
from trash_keras.data.readers.base import FolderReader
from trash_keras.data.sources import prepare

LAYOUT = shards.Layout("tfrecord", 4, 100)


def request(source):
    return prepare.Request(str(source))


@pytest.mark.parametrize("data_format", shard_writer.FORMATS)
def test_a_folder_becomes_shards_and_a_second_call_does_nothing(data_dir, tmp_path, data_format):
    layout, output = shards.Layout(data_format, 4, 100), tmp_path / "shards"
    done = shards.write_shards(request(data_dir), output, layout)
    assert done.counts == {"blue": 12, "green": 12, "red": 12} and not done.already
    assert {path.name for path in output.iterdir() if "images-" not in path.name} == {
        "index.json", "SHA256SUMS"
    }  # fmt: skip
    reader = base.open_reader(output, data_format)
    assert reader.files_by_class() == FolderReader(data_dir).files_by_class()
    of_shards = splits.split(output, "stratified", 5, listing=reader)
    assert of_shards == splits.split(data_dir, "stratified", 5)
    before = {path.name: path.stat().st_mtime_ns for path in output.iterdir()}
    assert shards.write_shards(request(data_dir), output, layout) == prepare.Prepared(
        done.counts, already=True
    )
    assert {path.name: path.stat().st_mtime_ns for path in output.iterdir()} == before


def test_a_source_that_is_no_folder_is_unpacked_first(tmp_path):
    drawn = prepare.Request("synthetic", images_per_class=3)
    shards.write_shards(drawn, tmp_path / "shards", LAYOUT)
    assert not (tmp_path / "shards" / shards.IMAGES).exists()
    prepare.prepare_dataset(drawn, tmp_path / "folder")
    reader = base.open_reader(tmp_path / "shards", "tfrecord")
    assert reader.files_by_class() == FolderReader(tmp_path / "folder").files_by_class()
    with pytest.raises(ValueError, match="must be unpacked before"):
        shards.write_shards(drawn, "memory://shards", LAYOUT)


def test_a_folder_in_an_object_store_is_read_and_written(data_dir, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(data_dir), "/images", recursive=True)
    shards.write_shards(request("memory://images"), tmp_path / "here", LAYOUT)
    here = base.open_reader(tmp_path / "here", "tfrecord")
    assert here.files_by_class() == FolderReader(data_dir).files_by_class()
    path = here.files_by_class()["red"][0]
    assert here.read(path) == (data_dir / path).read_bytes()
    shards.write_shards(request(data_dir), "memory://shards", LAYOUT)
    there = {name.rsplit("/")[-1] for name in memory.find("/shards")}
    assert there == {file.name for file in (tmp_path / "here").iterdir()}


def test_work_that_was_cut_short_goes_on(data_dir, tmp_path, monkeypatch):
    write_shard, written = shard_writer.write_shard, []

    def failing(reader, plan, shard, output):
        if shard == 2 and len(written) == 2:
            raise OSError("disk full")
        written.append(shard)
        return write_shard(reader, plan, shard, output)

    monkeypatch.setattr(shard_writer, "write_shard", failing)
    with pytest.raises(OSError, match="shard 2: disk full"):
        shards.write_shards(request(data_dir), tmp_path / "out", LAYOUT)
    with pytest.raises(ValueError, match="no finished shards"):
        base.open_reader(tmp_path / "out", "tfrecord")
    with pytest.raises(ValueError, match="holds another job"):
        shards.write_shards(request(data_dir), tmp_path / "out", shards.Layout("tfrecord", 5, 100))
    written.append("again")
    shards.write_shards(request(data_dir), tmp_path / "out", LAYOUT)
    assert written == [0, 1, "again", 2, 3]
    shards.write_shards(request(data_dir), tmp_path / "whole", LAYOUT)
    for name in ("index.json", "SHA256SUMS"):
        assert (tmp_path / "out" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_a_used_folder_is_refused(data_dir, tmp_path):
    shards.write_shards(request(data_dir), tmp_path / "out", LAYOUT)
    other = tmp_path / "other"
    data_dir.rename(other)
    with pytest.raises(ValueError, match=r"holds the shards of .*data"):
        shards.write_shards(request(other), tmp_path / "out", LAYOUT)
    with pytest.raises(ValueError, match="is not empty: it holds blue"):
        shards.write_shards(request(other), other, LAYOUT)


@pytest.mark.slow
def test_beam_writes_the_same_shards(data_dir, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra beam: make beam")
    shards.write_shards(request(data_dir), tmp_path / "here", LAYOUT)
    beam = shards.Layout("tfrecord", 4, 100, "DirectRunner")
    shards.write_shards(request(data_dir), tmp_path / "beam", beam)
    for path in (tmp_path / "here").iterdir():
        assert path.read_bytes() == (tmp_path / "beam" / path.name).read_bytes()
