import pytest

from trash_keras.data import records, screening, stores
from trash_keras.data.catalog import mixing_key, whole


@pytest.fixture(params=["folder", "tfrecord", "array_record"])
def store(request, data_dir, tmp_path):
    (data_dir / "red" / "broken.jpg").write_bytes(b"text")
    folder = stores.FolderStore(data_dir)
    if request.param == "folder":
        return folder
    plan = records.plan(folder, request.param, 3, 100)
    facts = [records.write_shard(folder, plan, shard, tmp_path / "out") for shard in range(3)]
    records.write_index(plan, facts, tmp_path / "out")
    return stores.open_store(tmp_path / "out", request.param)


def test_bad_files_are_named_or_left_out(store):
    catalog = whole(store.members())
    with pytest.raises(ValueError, match=r"1 of 37 files .*red/broken.jpg .*--bad_files=skip"):
        screening.keep_decodable(catalog, store, "error", 100)
    kept = screening.keep_decodable(catalog, store, "skip", 100)
    assert kept.bad_files == ("red/broken.jpg",) and kept.counts()["all"]["red"] == 12


def test_the_limit_of_pixels_counts(data_dir):
    store = stores.FolderStore(data_dir)
    paths = sorted(store.members()["red"], key=mixing_key)
    assert not screening.find_bad_files(store, paths, 480e-6)
    bad = screening.find_bad_files(store, paths, 479e-6)
    assert len(bad) == 12 and "over the limit" in bad[paths[0]]


def test_a_file_that_cannot_be_read_says_why(data_dir):
    store = stores.FolderStore(data_dir)
    path = "red/gone.jpg"
    (data_dir / path).symlink_to(data_dir / "nowhere.jpg")
    assert screening.find_bad_files(store, [path], 100) == {
        path: "cannot be read: No such file or directory"
    }
