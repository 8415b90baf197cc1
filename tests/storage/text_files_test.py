import pytest

from trash_keras.storage import text_files

TEXT = "a: ü\nb: ガラス\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_of_any_system_reads_the_same(tmp_path, encoding, end):
    (tmp_path / "x").write_bytes(TEXT.replace("\n", end).encode(encoding))
    assert text_files.read(tmp_path / "x") == TEXT


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_both_orders_of_bytes_are_known(tmp_path, mark):
    encoding = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    (tmp_path / "x").write_bytes(mark + TEXT.encode(encoding))
    assert text_files.read(tmp_path / "x") == TEXT


@pytest.mark.parametrize(
    "content", ["K\xfcche".encode("cp1252"), TEXT.encode("utf-16-le"), b"\xff\xd8\xff\xe0", b"a\0b"]
)
def test_what_is_no_such_text_is_refused_by_name(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"list\.txt .*Save it as UTF-8"):
        text_files.read(tmp_path / "list.txt")
