import pytest

from trash_keras.storage import checksums, local


@pytest.fixture
def file(tmp_path):
    local.write_text(tmp_path / "a.txt", "some text", checked=True)
    return tmp_path / "a.txt"


@pytest.mark.parametrize("content", [b"some texT", b"some tex", b"", bytes(9), b"some text\n"])
def test_damage_is_noticed(file, content):
    assert checksums.is_whole(file)
    checksums.require(file)
    file.write_bytes(content)
    assert not checksums.is_whole(file)
    with pytest.raises(ValueError, match=r"a.txt is damaged: .* delete it, and the command"):
        checksums.require(file)


def test_a_kill_between_checksum_and_file_is_no_damage(file, tmp_path):
    (tmp_path / "next").write_text("other text")
    checksums.note(file, tmp_path / "next")
    assert checksums.is_whole(file)
    (tmp_path / "next").replace(file)
    assert checksums.is_whole(file)
    local.write_text(file, "third", checked=True)
    assert checksums.is_whole(file)
    file.write_text("some text")  # two versions ago
    assert not checksums.is_whole(file)


def test_where_nothing_is_noted_a_file_is_taken(file, tmp_path):
    (tmp_path / "plain").touch()
    assert checksums.is_whole(tmp_path / "plain") and not checksums.is_whole(tmp_path / "gone")
    checksums.require(tmp_path / "gone")
    local.write_text(file, "as somebody likes")
    assert checksums.is_whole(file)
    local.remove(file)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
