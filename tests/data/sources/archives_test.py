import gzip
import io
import random
import stat
import tarfile
import zipfile

import pytest

from trash_keras.data.sources import archives

IMAGES = {"glass/a.jpg": b"a" * 10, "glass/deep/b.jpg": b"b" * 20, "metal/c.png": b"c" * 30}


def make_zip(path, content, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name) if isinstance(name, str) else name, data,
                             compress_type=compression)  # fmt: skip
    return path


def make_tar(path, content, mode="w:gz"):
    """Content: name -> bytes, or name -> attributes of a TarInfo."""
    with tarfile.open(path, mode) as archive:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            else:
                for key, value in data.items():
                    setattr(info, key, value)
                archive.addfile(info)
    return path


def read(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*") if not path.is_dir()}  # fmt: skip


def zip_link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return {info: target}


def zip_device(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFCHR | 0o666) << 16
    return {info: b""}


def symlink(target):
    return {"type": tarfile.SYMTYPE, "linkname": target}


def hardlink(target):
    return {"type": tarfile.LNKTYPE, "linkname": target}


@pytest.mark.parametrize(
    ("make", "name", "options"),
    [
        (make_zip, "x.zip", {}),
        (make_zip, "no-suffix", {"compression": zipfile.ZIP_STORED}),
        (make_tar, "x.tar", {"mode": "w"}),
        (make_tar, "x.tgz", {}),
        (make_tar, "x.tar.bz2", {"mode": "w:bz2"}),
        (make_tar, "x.tar.xz", {"mode": "w:xz"}),
    ],
)
def test_every_kind_unpacks_to_the_same_files(tmp_path, make, name, options):
    junk = {"__MACOSX/glass/._a.jpg": b"x", "glass/.DS_Store": b"x", "./metal/Thumbs.db": b"x"}
    archive = make(tmp_path / name, IMAGES | junk | {"./metal/d.jpg": b"d"}, **options)
    archives.unpack(archive, tmp_path / "out", 10**6)
    assert read(tmp_path / "out") == IMAGES | {"metal/d.jpg": b"d"}


def test_a_tar_may_hold_another_archive(tmp_path):
    inner = make_zip(tmp_path / "inner.zip", IMAGES).read_bytes()
    archive = make_tar(tmp_path / "x.tar", {"glass/inner.zip": inner}, "w")
    archives.unpack(archive, tmp_path / "out", 10**6)
    assert read(tmp_path / "out") == {"glass/inner.zip": inner}


def test_links_within_become_copies(tmp_path):
    content = IMAGES | {
        "metal/link.jpg": symlink("../glass/a.jpg"),
        "metal/chain.jpg": symlink("link.jpg"),
        "metal/hard.jpg": hardlink("glass/a.jpg"),
    }
    archives.unpack(make_tar(tmp_path / "x.tgz", content), tmp_path / "out", 10**6)
    copies = {f"metal/{name}.jpg": IMAGES["glass/a.jpg"] for name in ("link", "chain", "hard")}
    assert read(tmp_path / "out") == IMAGES | copies
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))
    archive = make_zip(tmp_path / "x.zip", IMAGES | zip_link("metal/l.jpg", b"../glass/a.jpg"))
    archives.unpack(archive, tmp_path / "zip", 10**6)
    assert read(tmp_path / "zip") == IMAGES | {"metal/l.jpg": IMAGES["glass/a.jpg"]}


UNSAFE = "must stay within their folder"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"../evil.jpg": b"x"}, UNSAFE),
        ({"glass/../../evil.jpg": b"x"}, UNSAFE),
        ({"glass\\..\\..\\evil.jpg": b"x"}, UNSAFE),
        ({"/evil.jpg": b"x"}, UNSAFE),
        ({"\\evil.jpg": b"x"}, UNSAFE),
        ({"C:evil.jpg": b"x"}, UNSAFE),
        ({".hidden/../../evil.jpg": b"x"}, UNSAFE),
        ({"glass/a.jpg": b"x", "glass/a.jpg/b.jpg": b"x"}, "holds .* twice"),
    ],
)
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_unsafe_names_are_refused(tmp_path, make, content, message):
    room = tmp_path / "room"
    room.mkdir()
    archive = make(tmp_path / "x", IMAGES | content)
    with pytest.raises(ValueError, match=message):
        archives.unpack(archive, room / "out", 10**6)
    assert sorted(path.name for path in tmp_path.rglob("*evil*")) == []
    assert [path.name for path in room.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"glass/l": symlink("../../etc/passwd")}, UNSAFE),
        ({"glass/l": symlink("/etc/passwd")}, UNSAFE),
        ({"glass/l": hardlink("../secret")}, UNSAFE),
        ({".l": symlink("/etc"), "glass/x.jpg": b"x"}, UNSAFE),
        ({"glass/l": symlink("gone.jpg")}, "leads to glass/gone.jpg"),
        ({"m": symlink("metal")}, "leads to metal, no file"),
        ({"a": symlink("b"), "b": symlink("a")}, "leads to"),
        ({"l": symlink("metal"), "l/x.jpg": b"x"}, "leads to metal|twice"),
        ({"glass/a.jpg": hardlink("metal/c.png")}, "twice"),
        ({"pipe": {"type": tarfile.FIFOTYPE}}, "a device"),
        ({"disk": {"type": tarfile.BLKTYPE}}, "a device"),
    ],
)
def test_links_out_and_devices_are_refused_in_tar(tmp_path, content, message):
    images = {name: data for name, data in IMAGES.items() if name not in content}
    archive = make_tar(tmp_path / "x.tar", {"glass/z.jpg": b"z"} | images | content, "w")
    if "glass/a.jpg" in content:
        with tarfile.open(archive, "a") as opened:
            opened.addfile(tarfile.TarInfo("glass/a.jpg"))
    with pytest.raises(ValueError, match=message):
        archives.unpack(archive, tmp_path / "out", 10**6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zip_link("glass/l", b"/etc/passwd"), UNSAFE),
        (zip_link("glass/l", b"../../secret"), UNSAFE),
        (zip_device("glass/tty"), "a device"),
    ],
)
def test_links_out_and_devices_are_refused_in_zip(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        archives.unpack(make_zip(tmp_path / "x", IMAGES | content), tmp_path / "out", 10**6)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_real_bytes_are_bounded_whatever_the_headers_say(tmp_path, make):
    archive = make(tmp_path / "x", {"glass/a.jpg": bytes(5000), "glass/b.jpg": bytes(5000)})
    with pytest.raises(ValueError, match=r"more than 9e-06 GB.*--max_unpacked_gigabytes"):
        archives.unpack(archive, tmp_path / "out", 9000)
    assert sum(len(data) for data in read(tmp_path / "out").values()) <= 9000


def test_copies_of_links_count(tmp_path):
    content = {"glass/a.jpg": bytes(50_000)}
    content |= {f"glass/{index}.jpg": hardlink("glass/a.jpg") for index in range(20)}
    with pytest.raises(ValueError, match=r"more than 0\.0005 GB"):
        archives.unpack(make_tar(tmp_path / "x.tgz", content), tmp_path / "out", 500_000)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_bomb_is_refused_by_its_ratio(tmp_path, monkeypatch, make):
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM_BYTES", 10**6)
    archive = make(tmp_path / "x", {"glass/a.jpg": bytes(4 * 10**6)})
    with pytest.raises(ValueError, match="200 times its own size"):
        archives.unpack(archive, tmp_path / "out", 10**10)


def test_skipped_members_and_huge_headers_of_a_tar_count(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "RATIO_COUNTS_FROM_BYTES", 10**6)
    hidden = make_tar(tmp_path / "x.tgz", {".skipped": bytes(4 * 10**6), "glass/a.jpg": b"a"})
    with pytest.raises(ValueError, match="200 times its own size"):
        archives.unpack(hidden, tmp_path / "out", 10**10)
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 10**9
    (tmp_path / "y.tgz").write_bytes(gzip.compress(header.tobuf(tarfile.USTAR_FORMAT)))
    with pytest.raises(ValueError, match="a header of 1000000000 bytes"):
        archives.unpack(tmp_path / "y.tgz", tmp_path / "y", 10**10)


def test_the_number_of_files_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAXIMUM_FILES", 2)
    with pytest.raises(ValueError, match="2 files at most"):
        archives.unpack(make_zip(tmp_path / "x", IMAGES), tmp_path / "out", 10**6)


@pytest.mark.parametrize("kind", ["zip", "tar", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_cut_archive_is_refused(tmp_path, kind, share):
    noise = {f"glass/{i}.jpg": random.Random(i).randbytes(5000) for i in range(8)}
    if kind == "zip":
        archive = make_zip(tmp_path / "x", noise)
    else:
        archive = make_tar(tmp_path / "x", noise, "w" if kind == "tar" else kind)
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=r"not a whole zip or tar|is damaged"):
        archives.unpack(archive, tmp_path / "out", 10**6)


def test_a_tar_cut_between_members_is_refused(tmp_path):
    archive = make_tar(tmp_path / "x.tar", {"glass/a.jpg": b"a", "glass/b.jpg": b"b"}, "w")
    archive.write_bytes(archive.read_bytes()[:1024])
    with pytest.raises(ValueError, match="ends in the middle"):
        archives.unpack(archive, tmp_path / "out", 10**6)


def test_a_flipped_byte_is_noticed(tmp_path):
    archive = make_zip(tmp_path / "x.zip", IMAGES, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"bbbb", b"bxbb", 1))
    with pytest.raises(ValueError, match="Bad CRC-32"):
        archives.unpack(archive, tmp_path / "out", 10**6)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.zip is not a whole zip or tar archive"):
        archives.unpack(tmp_path / "x.zip", tmp_path / "out", 10**6)


def test_an_encrypted_zip_is_refused(tmp_path):
    archive = make_zip(tmp_path / "x.zip", {"glass/a.jpg": b"a"})
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1  # the flag "encrypted" of both headers
    archive.write_bytes(data)
    with pytest.raises(ValueError, match="without password"):
        archives.unpack(archive, tmp_path / "out", 10**6)
