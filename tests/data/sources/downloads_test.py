import errno
import io
import time
import types
import zipfile
from email.utils import formatdate

import fsspec
import pytest

from tests.support import http_server
from trash_keras.data.sources import downloads, install, remotes
from trash_keras.data.sources.prepare import Request, prepare_dataset

CONTENT = bytes(range(256)) * 4000  # 1 MB


class Handler(http_server.Handler):
    """Serves `server.content`; each request takes one fault from `server.faults`."""

    def reply(self):
        server = self.server
        if self.command == "GET":
            server.seen.append(self.headers.get("Range"))
        if server.status:
            self.send_error(server.status)
            return
        start, status = 0, 200
        wanted = self.headers.get("Range") if server.ranges else None
        if wanted and self.headers.get("If-Range", server.etag) == server.etag:
            start, status = int(wanted[len("bytes=") : -1]), 206
        if start > 0 and start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(status)
        if server.tells_size:
            self.send_header("Content-Length", str(len(server.content) - start))
        else:
            self.close_connection = True
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Last-Modified", formatdate(0, usegmt=True))
        if status == 206:
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        self.end_headers()
        if self.command == "GET":
            rest = server.content[start:]
            fault = server.faults.pop(0) if server.faults else None
            self.wfile.write(rest if fault is None else rest[:fault])
            if fault is not None:
                time.sleep(0.05)  # or the client finds the break before it has read the rest
                self.close_connection = True


@pytest.fixture
def server():
    state = {"content": CONTENT, "etag": '"one"', "ranges": True, "status": 0}
    state |= {"faults": [], "seen": [], "tells_size": True}
    with http_server.serving(Handler, **state) as server:
        server.url += "/images.zip"
        yield server


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch):
    monkeypatch.setattr(remotes, "FIRST_WAIT_SECONDS", 0.001)


def get(server, target, maximum_bytes=10**9):
    return downloads.download_file(remotes.connect(server.url), target, maximum_bytes)


def first_byte(wanted):
    return int(wanted[len("bytes=") : -1])


def test_an_unbroken_download_is_one_request(server, tmp_path):
    part = get(server, tmp_path / "data")
    assert part.read_bytes() == CONTENT
    assert server.seen == [None]
    assert part.name.startswith(".data-") and part.name.endswith(".part")


def test_a_broken_download_goes_on_from_the_byte_reached(server, tmp_path):
    server.faults = [600_000]
    assert get(server, tmp_path / "data").read_bytes() == CONTENT
    assert server.seen[0] is None and len(server.seen) == 2
    assert 0 < first_byte(server.seen[1]) <= 600_000


def test_many_breaks_are_fine_while_bytes_arrive(server, tmp_path):
    server.faults = [150_000] * 6
    assert remotes.ATTEMPTS < 6
    assert get(server, tmp_path / "data").read_bytes() == CONTENT
    starts = [first_byte(wanted) for wanted in server.seen[1:]]
    assert len(starts) == 6 and starts == sorted(set(starts))


def test_a_killed_download_goes_on_in_the_next_run(server, tmp_path, monkeypatch):
    server.faults = [400_000]

    def kill(seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(remotes, "time", types.SimpleNamespace(sleep=kill))
        with pytest.raises(KeyboardInterrupt):
            get(server, tmp_path / "data")
    (part,) = tmp_path.iterdir()
    reached = part.stat().st_size
    assert 0 < reached <= 400_000
    assert get(server, tmp_path / "data").read_bytes() == CONTENT
    assert server.seen == [None, f"bytes={reached}-"]


def test_another_version_on_the_server_starts_again(server, tmp_path):
    first = get(server, tmp_path / "data")
    first.write_bytes(CONTENT[:300_000])
    server.content, server.etag, server.seen = CONTENT[::-1], '"two"', []
    part = get(server, tmp_path / "data")
    assert part.read_bytes() == CONTENT[::-1]
    assert server.seen == [None]
    assert list(tmp_path.iterdir()) == [part]


def test_a_version_that_changes_half_way_is_never_mixed(server, tmp_path, monkeypatch):
    server.faults = [500_000]

    def change(seconds):
        server.content, server.etag = CONTENT[::-1], '"two"'

    monkeypatch.setattr(remotes, "time", types.SimpleNamespace(sleep=change))
    assert get(server, tmp_path / "data").read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", ['"one"', 'W/"weak"', None])
def test_a_server_without_ranges_starts_again(server, tmp_path, etag):
    server.ranges, server.etag, server.faults = False, etag, [500_000, 700_000]
    assert get(server, tmp_path / "data").read_bytes() == CONTENT
    assert len(server.seen) == 3


def test_a_server_that_breaks_at_the_same_byte_is_given_up(server, tmp_path):
    server.ranges, server.faults = False, [500_000] * 50
    with pytest.raises(OSError, match=r"Gave up after 5 tries; the same command goes on"):
        get(server, tmp_path / "data")
    # The first try and those after it that bring no new byte, give or take a last buffer.
    assert remotes.ATTEMPTS <= len(server.seen) <= 2 * remotes.ATTEMPTS


@pytest.mark.parametrize(
    ("status", "tries", "message"),
    [
        (503, 5, "503 Service Unavailable.* Gave up after 5 tries"),
        (429, 5, "429 Too Many Requests"),
        (404, 1, "there is no such file"),
        (403, 1, "403 Forbidden"),
    ],
)
def test_refusals_of_the_server_are_reported(server, tmp_path, status, tries, message):
    server.status = status
    server.url += "?X-Amz-Signature=secret&part=2"
    with pytest.raises(OSError, match=message) as caught:
        get(server, tmp_path / "data")
    assert len(server.seen) == tries
    assert "secret" not in str(caught.value) and "part=2" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_no_server_at_all_is_reported(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError, match=r"Cannot connect to host .* Gave up after 5 tries"):
        get(server, tmp_path / "data")


@pytest.mark.parametrize("tells_size", [True, False])
def test_a_file_beyond_the_limit_is_refused(server, tmp_path, tells_size):
    server.tells_size = tells_size
    with pytest.raises(ValueError, match=r"larger than 0\.0005 GB"):
        get(server, tmp_path / "data", maximum_bytes=500_000)
    assert not any(tmp_path.iterdir())
    if tells_size:
        assert server.seen == []  # refused before a byte was sent


def test_a_server_that_tells_no_size_is_read_to_its_end(server, tmp_path):
    server.tells_size = False
    assert get(server, tmp_path / "data").read_bytes() == CONTENT
    # Whether that was all, nobody knows: asked for more, the server has none, and it starts again.
    assert get(server, tmp_path / "data").read_bytes() == CONTENT
    assert server.seen.count(f"bytes={len(CONTENT)}-") == 1


def test_a_full_disk_is_not_blamed_on_the_server(server, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")
        yield

    monkeypatch.setattr(downloads, "_pieces", full)
    with pytest.raises(OSError, match=r"^\[Errno 28\] No space left on device$"):
        get(server, tmp_path / "data")


def test_two_processes_do_not_fill_one_file(server, tmp_path):
    part = get(server, tmp_path / "data")
    with downloads._locked(part), pytest.raises(ValueError, match="Another process"):
        get(server, tmp_path / "data")


def image_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("glass/a.jpg", "metal/b.jpg"):
            archive.writestr(f"wrapper/{name}", bytes(50_000))
    return buffer.getvalue()


def test_from_the_web_into_class_folders(server, tmp_path):
    server.content, server.faults = image_zip(), [60_000]
    done = prepare_dataset(Request(server.url), tmp_path / "data")
    assert done.counts == {"glass": 1, "metal": 1} and not done.already
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    server.seen = []
    assert prepare_dataset(Request(server.url), tmp_path / "data").already
    assert server.seen == []


def test_a_wrong_checksum_keeps_nothing(server, tmp_path):
    server.content = image_zip()
    with pytest.raises(ValueError, match=r"has the SHA-256 .*Nothing was kept"):
        prepare_dataset(Request(server.url, sha256="0" * 64), tmp_path / "data")
    assert not any(tmp_path.iterdir())


def test_a_page_instead_of_an_archive_keeps_nothing(server, tmp_path):
    server.content = b"<html>please log in</html>"
    with pytest.raises(ValueError, match="not a whole zip or tar archive"):
        prepare_dataset(Request(server.url), tmp_path / "data")
    assert not any(tmp_path.iterdir())


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem("memory")
    filesystem.store.clear()
    yield filesystem
    filesystem.store.clear()
    filesystem.pseudo_dirs[:] = [""]


def test_a_remote_folder_becomes_class_folders(memory, tmp_path):
    for name in ("glass/a.jpg", "glass/deep/b.jpg", "metal/c.jpg", ".git/x.jpg", "notes.txt"):
        memory.pipe(f"/bucket/set/{name}", name.encode())
    done = prepare_dataset(Request("memory://bucket/set"), tmp_path / "data")
    assert done.counts == {"glass": 2, "metal": 1}
    found = {path.relative_to(tmp_path / "data").as_posix(): path.read_text()
             for path in (tmp_path / "data").rglob("*") if path.is_file()}  # fmt: skip
    assert found.pop(install.MARKER)
    assert found == {name: name for name in
                     ("glass/a.jpg", "glass/deep/b.jpg", "metal/c.jpg", "notes.txt")}  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_remote_archive_is_read_in_pieces(memory, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "PIECE_BYTES", 10_000)
    memory.pipe("/bucket/set.zip", image_zip())
    done = prepare_dataset(Request("memory://bucket/set.zip"), tmp_path / "data")
    assert done.counts == {"glass": 1, "metal": 1}


def test_a_broken_folder_goes_on_with_the_missing_files(memory, tmp_path, monkeypatch):
    for index in range(60):
        memory.pipe(f"/set/{'ab'[index % 2]}/{index}.jpg", bytes(10 + index))
    real, asked = memory.cat_file, []

    def flaky(path, *arguments, **options):
        asked.append(path)
        if path.endswith("/59.jpg"):
            raise PermissionError("denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(type(memory), "cat_file", lambda _, *a, **o: flaky(*a, **o))
    with pytest.raises(OSError, match="denied"):
        prepare_dataset(Request("memory://set"), tmp_path / "data")
    (part,) = tmp_path.iterdir()
    assert part.name.startswith(".data-")
    kept = {path.relative_to(part).as_posix() for path in part.rglob("*.jpg")}
    assert kept
    asked.clear()
    monkeypatch.setattr(type(memory), "cat_file", lambda _, *a, **o: asked.append(a[0]) or real(*a))
    assert prepare_dataset(Request("memory://set"), tmp_path / "data").counts == {"a": 30, "b": 30}
    assert {path.removeprefix("/set/") for path in asked} == {
        f"{'ab'[index % 2]}/{index}.jpg" for index in range(60)
    } - kept


@pytest.mark.parametrize("failures", [1, 2])
def test_clients_that_retry_get_a_second_chance(memory, tmp_path, monkeypatch, failures):
    memory.pipe("/set/a/1.jpg", b"x")
    real, left = memory.cat_file, [ConnectionResetError("reset by peer")] * failures

    def cat_file(self, path, **options):
        if left:
            raise left.pop()
        return real(path, **options)

    monkeypatch.setattr(type(memory), "cat_file", cat_file)
    if failures == 1:
        assert prepare_dataset(Request("memory://set"), tmp_path / "data").counts == {"a": 1}
    else:
        with pytest.raises(OSError, match=r"reset by peer\. Gave up after 2 tries"):
            prepare_dataset(Request("memory://set"), tmp_path / "data")
        assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["a/1.jpg", "../evil.jpg"], {}, "must stay within"),
        (["a/1.txt"], {}, "holds no class folders with images"),
        (["1.jpg"], {}, "holds no class folders with images"),
        (["a/1.jpg", "b/2.jpg"], {"max_unpacked_gigabytes": 1e-6}, "holds 2e-06 GB in 2 files"),
        (["a/1.jpg"], {"sha256": "0" * 64}, "is a folder"),
        ([], {}, "no such file or folder"),
    ],
)
def test_folders_that_do_not_fit_are_refused(memory, tmp_path, names, options, message):
    for name in names:
        memory.store[f"/set/{name}"] = memory_file(memory, name)
    with pytest.raises((ValueError, OSError), match=message):
        prepare_dataset(Request("memory://set", **options), tmp_path / "data")
    assert not any(tmp_path.iterdir())


def memory_file(memory, name):
    memory.pipe("/elsewhere", bytes(1000))
    return memory.store.pop("/elsewhere")
