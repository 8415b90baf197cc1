import sys

import fsspec
import pytest

from trash_keras import storage


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    """A folder on disk, and one in fsspec's object store in memory."""
    yield str(tmp_path / "a") if request.param == "local" else "memory://bucket/a"
    fsspec.filesystem("memory").store.clear()


def test_what_is_written_is_read(folder):
    path = storage.join(folder, "x.json")
    storage.write_text(path, "0123456789")
    storage.write_text(storage.join(folder, "y.json"), "second")
    assert storage.read_bytes(path) == b"0123456789"
    assert storage.read_bytes(path, 2, 5) == b"234"
    assert storage.names(folder) == {"x.json", "y.json"}
    assert storage.read_all(folder, ["y.json", "x.json"]) == [b"second", b"0123456789"]
    assert storage.read_all(folder, []) == []
    storage.remove(path)
    storage.remove(path)
    assert storage.names(folder) == {"y.json"}
    with pytest.raises(FileNotFoundError):
        storage.read_bytes(path)


def test_a_failing_write_leaves_what_was_there(folder):
    path = storage.join(folder, "x.txt")
    storage.write_text(path, "old")
    with pytest.raises(RuntimeError), storage.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert storage.read_bytes(path) == b"old"
    assert storage.names(folder) == {"x.txt"}


def test_a_folder_that_is_missing_is_empty(folder):
    assert storage.names(folder) == set()


def test_files_of_an_address_are_found_below_it():
    for name in ("b/2.jpg", "b/c/1.jpg", "d.jpg"):
        storage.write_text(f"memory://bucket/{name}", "x")
    assert storage.find("memory://bucket/b") == [
        "memory:///bucket/b/2.jpg", "memory:///bucket/b/c/1.jpg"
    ]  # fmt: skip
    assert storage.find("memory://bucket/d.jpg") == ["memory://bucket/d.jpg"]
    fsspec.filesystem("memory").store.clear()


def test_a_local_copy_of_a_folder_keeps_its_files(tmp_path):
    for name in ("model/saved_model.pb", "model/variables/data"):
        storage.write_text(f"memory://bucket/{name}", name)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    with storage.local_copy("memory://bucket/model") as copy:
        assert copy.endswith("/model")
        assert storage.checksum(copy) == storage.checksum(tmp_path / "model")
    with storage.local_copy(str(tmp_path)) as copy:
        assert copy == str(tmp_path)
    with storage.local_copy("memory://bucket/gone.keras") as copy, pytest.raises(FileNotFoundError):
        storage.checksum(copy)
    fsspec.filesystem("memory").store.clear()


def test_a_checksum_sees_names_and_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"one")
    seen = {storage.checksum(tmp_path / "a"), storage.checksum(tmp_path / "a" / "x")}
    (tmp_path / "a" / "x").write_bytes(b"two")
    seen.add(storage.checksum(tmp_path / "a"))
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    seen.add(storage.checksum(tmp_path / "a"))
    assert len(seen) == 4


def test_a_missing_client_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ImportError, match=r"gs:// needs .* pip install 'trash-keras\[gcs\]'"):
        storage.open_store("gs://b/x")
