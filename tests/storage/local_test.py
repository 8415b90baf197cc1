import pytest

from trash_keras.storage import local


def test_a_failing_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    local.write_text(path, "old")
    with pytest.raises(RuntimeError), local.atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_replaces_a_folder_whole(tmp_path):
    target = tmp_path / "folder"
    for name in ("first", "second"):
        with local.atomic_write(target) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [path.name for path in target.iterdir()] == ["second"]
    assert list(tmp_path.iterdir()) == [target]


def test_json_refuses_what_is_not_json(tmp_path):
    with pytest.raises(ValueError):
        local.write_json(tmp_path / "a.json", {"value": float("nan")})
    assert not list(tmp_path.iterdir())
