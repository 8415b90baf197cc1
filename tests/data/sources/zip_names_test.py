import struct
import zipfile
import zlib

import pytest

from trash_keras.data.sources import archives, zip_names


def write(path, names, encoding, extra=None):
    """Writes a zip archive whose names are bytes without the mark of UTF-8."""
    replaced = {}
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            raw = name.encode(encoding)
            stand_in = f"{number:03d}".ljust(len(raw), "x")
            replaced[stand_in.encode()] = raw
            info = zipfile.ZipInfo(stand_in)
            info.extra = extra(name, raw) if extra else b""
            archive.writestr(info, b"content")
    content = path.read_bytes()
    for stand_in, raw in replaced.items():
        assert content.count(stand_in) == 2  # in front of the file, and in the directory
        content = content.replace(stand_in, raw)
    path.write_bytes(content)
    return path


def unpacked(path, folder):
    archives.unpack(path, folder, 10**6)
    return sorted(
        file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()
    )


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["Küche/ä 1.jpg", "Verpackung/ß.jpg"]),
        ("utf-8", ["Ku\u0308che/1.jpg", "ガラス/1.jpg", "玻璃/😀.jpg"]),
        ("cp437", ["Küche/Öl.jpg", "Glühbirnen/Straße é.jpg", "Möhre/señal.jpg"]),
        ("cp437", ["pâte/1.jpg", "verre/été.jpg"]),
        ("cp932", ["ガラス/写真1.jpg", "金属/2.jpg", "紙/1.jpg"]),
        ("cp932", ["プラスチック/ボトル_01.jpg", "びん/IMG 1.jpg"]),
        ("ascii", ["glass/1.jpg"]),
    ],
)
def test_names_are_read_as_meant(tmp_path, encoding, names):
    path = write(tmp_path / "x.zip", names, encoding)
    assert unpacked(path, tmp_path / "out") == sorted(names)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("gbk", "玻璃/1.jpg"),
        ("cp949", "유리/1.jpg"),
        ("cp1251", "стекло/1.jpg"),
        ("cp1252", "Küche/1.jpg"),
    ],
)
def test_another_encoding_is_refused_by_name(tmp_path, encoding, name):
    path = write(tmp_path / "photos.zip", [name], encoding)
    with pytest.raises(ValueError, match=r"photos\.zip has names in an encoding that it does not"):
        archives.unpack(path, tmp_path / "out", 10**6)


def test_the_mark_of_utf_8_is_believed(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("▓/ü.jpg", b"x")
    assert unpacked(tmp_path / "x.zip", tmp_path / "out") == ["▓/ü.jpg"]


def test_the_unicode_path_of_info_zip_counts(tmp_path):
    def field(name, raw):
        content = b"\x01" + struct.pack("<I", zlib.crc32(raw)) + name.encode()
        return struct.pack("<HH", 0x7075, len(content)) + content

    path = write(tmp_path / "x.zip", ["玻璃/1.jpg"], "gbk", field)
    with zipfile.ZipFile(path) as archive:
        # The checksum is that of the name as it stands in the archive.
        assert zip_names.decoded(archive.infolist(), "x") == ["玻璃/1.jpg"]


def test_a_link_is_found_beside_its_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("Küche/a.jpg", b"pixels")
        link = zipfile.ZipInfo("Küche/b.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "a.jpg")
    assert unpacked(tmp_path / "x.zip", tmp_path / "out") == ["Küche/a.jpg", "Küche/b.jpg"]
