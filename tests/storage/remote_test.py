import sys

import fsspec
import pytest

from trash_keras.storage import remote


@pytest.fixture(params=["local", "memory"])
def folder(request, tmp_path):
    """A folder on disk, and one in fsspec's object store in memory."""
    yield str(tmp_path / "a") if request.param == "local" else "memory://bucket/a"
    fsspec.filesystem("memory").store.clear()


def test_what_is_written_is_read(folder):
    path = remote.join(folder, "x.json")
    remote.write_text(path, "0123456789")
    remote.write_text(remote.join(folder, "y.json"), "second")
    assert remote.read_bytes(path) == b"0123456789"
    assert remote.read_bytes(path, 2, 5) == b"234"
    assert remote.names(folder) == {"x.json", "y.json"}
    assert remote.read_all(folder, ["y.json", "x.json"]) == [b"second", b"0123456789"]
    assert remote.read_all(folder, []) == []
    remote.remove(path)
    remote.remove(path)
    assert remote.names(folder) == {"y.json"}
    with pytest.raises(FileNotFoundError):
        remote.read_bytes(path)


def test_a_failing_write_leaves_what_was_there(folder):
    path = remote.join(folder, "x.txt")
    remote.write_text(path, "old")
    with pytest.raises(RuntimeError), remote.atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert remote.read_bytes(path) == b"old"
    assert remote.names(folder) == {"x.txt"}


def test_a_missing_folder_is_empty(folder):
    assert remote.names(folder) == set()


def test_a_local_copy_of_a_folder_keeps_its_files(tmp_path):
    for name in ("model/saved_model.pb", "model/variables/data"):
        remote.write_text(f"memory://bucket/{name}", name)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    with remote.local_copy("memory://bucket/model") as copy:
        assert copy.endswith("/model")
        assert remote.checksum(copy) == remote.checksum(tmp_path / "model")
    with remote.local_copy(str(tmp_path)) as copy:
        assert copy == str(tmp_path)
    with remote.local_copy("memory://bucket/gone.keras") as copy, pytest.raises(FileNotFoundError):
        remote.checksum(copy)
    fsspec.filesystem("memory").store.clear()


def test_a_checksum_depends_on_names_and_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"one")
    seen = {remote.checksum(tmp_path / "a"), remote.checksum(tmp_path / "a" / "x")}
    (tmp_path / "a" / "x").write_bytes(b"two")
    seen.add(remote.checksum(tmp_path / "a"))
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    seen.add(remote.checksum(tmp_path / "a"))
    assert len(seen) == 4


def test_a_missing_client_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(ImportError, match=r"gs:// needs .* pip install '\.\[gcs\]'"):
        remote.open_filesystem("gs://b/x")
