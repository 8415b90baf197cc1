"""Sources end to end: local files, the Hub, S3 and Google Cloud Storage, each on a local server."""

import contextlib
import hashlib
import importlib
import io
import json
import os
import subprocess
import sys
import tarfile
import urllib.parse
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

from tests.support import http_server
from trash_keras.data import catalog
from trash_keras.data.sources import install, prepare, synthetic
from trash_keras.data.sources.prepare import Request, prepare_dataset

ROOT = Path(__file__).parents[3]
COUNTS = {"glass": 3, "metal": 2}


def image(seed):
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (seed * 20 % 255, 80, 160)).save(buffer, "JPEG")
    return buffer.getvalue()


IMAGES = {
    f"{name}/{name}{index}.jpg": image(index) for name in COUNTS for index in range(COUNTS[name])
}


def write_folder(folder, content=IMAGES):
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_zip(path, wrapper="", content=IMAGES):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(wrapper + name, data)
    return path


def write_tar(path, wrapper=""):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in IMAGES.items():
            info = tarfile.TarInfo(wrapper + name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != install.MARKER}  # fmt: skip


@pytest.mark.parametrize(
    "make",
    [
        lambda room: write_zip(room / "set.zip", "dataset-resized/"),
        lambda room: write_zip(room / "set.zip", content=IMAGES | {"__MACOSX/._x": b"x"}),
        lambda room: write_zip(room / "set.zip", "a/b/c/"),
        lambda room: write_tar(room / "set.tar.gz", "./"),
        lambda room: write_tar(room / "set.tgz"),
        lambda room: write_folder(room / "set"),
        lambda room: write_folder(room / "set" / "images").parent,
    ],
    ids=["wrapped zip", "zip", "deep zip", "tar.gz", "tgz", "folder", "wrapped folder"],
)
def test_local_sources_become_class_folders_once(tmp_path, make):
    (tmp_path / "room").mkdir()
    source = make(tmp_path / "room")
    before = read(tmp_path / "room")
    data = tmp_path / "deep" / "data"
    assert prepare_dataset(Request(str(source)), data) == prepare.Prepared(COUNTS, already=False)
    assert read(data) == IMAGES
    assert {name: len(paths) for name, paths in catalog.scan(data).items()} == COUNTS
    assert [path.name for path in data.parent.iterdir()] == ["data"]
    assert read(tmp_path / "room") == before
    stamps = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    assert prepare_dataset(Request(str(source)), data) == prepare.Prepared(COUNTS, already=True)
    assert stamps == {path: path.stat().st_mtime_ns for path in data.rglob("*")}


HEAD = "file,label,action,new_label,reason\n"
CHANGES = "glass/glass0.jpg,glass,relabel,metal,\nglass/glass1.jpg,glass,drop,,\n"


@pytest.mark.parametrize("wrapper", ["", "set/"])
def test_a_list_makes_a_cleaned_copy_once(tmp_path, wrapper):
    content = {f"{wrapper}{name}": data for name, data in IMAGES.items()}
    source, data = write_folder(tmp_path / "mine", content), tmp_path / "data"
    (tmp_path / "list.csv").write_text(HEAD + CHANGES)
    request = Request(str(source), apply=str(tmp_path / "list.csv"))
    counts = {"glass": 1, "metal": 3}
    assert prepare_dataset(request, data) == prepare.Prepared(counts, already=False)
    cleaned = IMAGES | {"metal/glass0.jpg": IMAGES["glass/glass0.jpg"]}
    del cleaned["glass/glass0.jpg"], cleaned["glass/glass1.jpg"]
    assert read(data) == cleaned and read(source) == content
    assert prepare_dataset(request, data) == prepare.Prepared(counts, already=True)
    assert install.source(data).startswith(f"{source}, corrected by list.csv (SHA-256 ")
    (tmp_path / "list.csv").write_text(HEAD)  # another list is another data set
    with pytest.raises(ValueError, match=r"already holds the images of .*list\.csv"):
        prepare_dataset(request, data)


def test_the_counts_of_a_source_are_checked_before_the_list_changes_them(tmp_path):
    (tmp_path / "list.csv").write_text(HEAD + CHANGES)
    archive, listed = write_zip(tmp_path / "set.zip"), str(tmp_path / "list.csv")
    request = Request(str(archive), expected_counts=COUNTS, apply=listed)
    assert prepare_dataset(request, tmp_path / "data").counts == {"glass": 1, "metal": 3}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("glass/gone.jpg,glass,drop,,\n", "line 2: there is no image glass/gone.jpg"),
        ("../glass0.jpg,glass,drop,,\n", "is no path inside the data folder"),
        ("glass/glass0.jpg,glass,move,metal,\n", 'the action "move" is none of'),
        (
            "".join(f"{name},{name.split('/')[0]},drop,,\n" for name in IMAGES),
            "holds no class folders with images",
        ),
    ],
)
def test_a_list_that_does_not_fit_leaves_nothing(tmp_path, lines, message):
    source = write_folder(tmp_path / "room" / "mine")
    (tmp_path / "room" / "list.csv").write_text(HEAD + lines)
    request = Request(str(source), apply=str(tmp_path / "room" / "list.csv"))
    with pytest.raises(ValueError, match=message):
        prepare_dataset(request, tmp_path / "room" / "data")
    assert {path.name for path in (tmp_path / "room").iterdir()} == {"mine", "list.csv"}
    assert read(source) == IMAGES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source=mine", "--apply=gone.csv"], "gone.csv"),
        (["--source=mine", "--apply=mine"], "--apply takes a CSV file with the columns file,label"),
        (["--source=mine", "--apply=mine/glass/glass0.jpg"], "glass0.jpg, an image"),
        (["--apply=list.csv"], "--apply needs --source"),
        (["--source=mine", "--apply=list.csv", "--shards=2"], "--apply changes nothing with --sh"),
        (["--source=mine", "--apply=list.csv"], "list.csv cannot be applied, and nothing was"),
    ],
)
def test_a_wrong_list_is_one_line(tmp_path, script, arguments, message):
    write_folder(tmp_path / "mine")
    (tmp_path / "list.csv").write_text(HEAD + "glass/x.jpg,glass,drop,,\n")
    places = [argument.replace("=mine", f"={tmp_path}/mine") for argument in arguments]
    places = [one.replace("=list", f"={tmp_path}/list") for one in places]
    done = script("prepare", *places, f"--data_dir={tmp_path / 'data'}")
    assert done.returncode == 1 and message in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "data").exists()


def test_the_marker_records_source_checksum_and_counts(tmp_path):
    archive = write_zip(tmp_path / "set.zip")
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    prepare_dataset(Request(str(archive), sha256=sha256.upper()), tmp_path / "data")
    marker = json.loads((tmp_path / "data" / ".trash_keras-source.json").read_text())
    assert marker == {"source": str(archive), "sha256": sha256, "counts": COUNTS}
    with pytest.raises(ValueError, match=f"with the SHA-256 {sha256}, not {'0' * 64}"):
        prepare_dataset(Request(str(archive), sha256="0" * 64), tmp_path / "data")


def test_an_empty_folder_is_filled_and_a_used_one_left_alone(tmp_path):
    archive, other = write_zip(tmp_path / "set.zip"), write_zip(tmp_path / "other.zip")
    (tmp_path / "data").mkdir()
    prepare_dataset(Request(str(archive)), tmp_path / "data")
    with pytest.raises(ValueError, match=r"already holds the images of .*set\.zip; choose"):
        prepare_dataset(Request(str(other)), tmp_path / "data")
    with pytest.raises(ValueError, match="already exists and is not empty"):
        prepare_dataset(Request(str(archive)), write_folder(tmp_path / "mine"))
    assert read(tmp_path / "mine") == read(tmp_path / "data") == IMAGES


def test_drawn_images_are_marked_with_their_settings(tmp_path):
    drawn = Request("synthetic", images_per_class=3, seed=4)
    assert prepare_dataset(drawn, tmp_path / "data").counts == dict.fromkeys(
        synthetic.CLASS_NAMES, 3
    )
    assert prepare_dataset(drawn, tmp_path / "data").already
    with pytest.raises(ValueError, match=r"already holds .* seed 4; choose .* seed 5"):
        prepare_dataset(Request("synthetic", images_per_class=3, seed=5), tmp_path / "data")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "trashnetz"}, "There is no source 'trashnetz'. It may be trashnet .*, or a"),
        ({"source": "azzz://x/y"}, "azzz:// is no known kind of address"),
        ({"source": "synthetic", "sha256": "0" * 64}, "synthetic has none"),
        ({"source": "x.zip", "sha256": "12"}, "must have 64 hexadecimal digits. Received: '12'"),
    ],
)
def test_requests_that_make_no_sense_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        prepare_dataset(Request(**options), tmp_path / "data")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a/x.txt": b"x"}, "holds no class folders with images"),
        ({"x.jpg": b"x"}, "holds no class folders with images"),
        ({}, "holds no class folders with images"),
        ({"a/x.jpg": b"x", "../evil.jpg": b"x"}, "must stay within their folder"),
    ],
)
def test_nothing_of_a_refused_archive_stays(tmp_path, content, message):
    archive = write_zip(tmp_path / "set.zip", content=content)
    with pytest.raises(ValueError, match=message):
        prepare_dataset(Request(str(archive)), tmp_path / "out" / "data")
    assert not any((tmp_path / "out").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set.zip"]


def test_counts_are_checked(tmp_path):
    archive = str(write_zip(tmp_path / "set.zip"))
    with pytest.raises(ValueError, match=r"must hold glass 3, metal 1 images\. R"):
        prepare_dataset(
            Request(archive, expected_counts={"glass": 3, "metal": 1}), tmp_path / "data"
        )
    assert not (tmp_path / "data").exists()
    prepare_dataset(Request(archive, expected_counts={"metal": 2, "glass": 3}), tmp_path / "data")


def test_the_target_may_not_lie_in_the_source(tmp_path):
    write_folder(tmp_path / "set")
    (tmp_path / "linked").symlink_to("set")
    for source in ("set", "linked"):
        for data in (tmp_path / "set" / "data", tmp_path / "set" / "glass" / "data"):
            with pytest.raises(ValueError, match="must not lie in the source folder"):
                prepare_dataset(Request(str(tmp_path / source)), data)
    assert read(tmp_path / "set") == IMAGES


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (["glass/a.jpg"], ["glass/a.jpg"]),
        (["set/glass/a.jpg"], ["glass/a.jpg"]),
        (["set/README.md", "README.md", "set/a/x.jpg"], ["README.md", "a/x.jpg"]),
        (["set/set/a/x.jpg", "set/b.txt"], ["a/x.jpg", "b.txt"]),
        (["set/train/a/x.jpg", "set/test/a/y.jpg"], ["test/a/y.jpg", "train/a/x.jpg"]),
        (["set/a/x.jpg", "y.jpg"], ["set/a/x.jpg", "y.jpg"]),
        (["glass/a.jpg", "glass/deep/b.jpg"], ["glass/a.jpg", "glass/deep/b.jpg"]),
    ],
)
def test_a_wrapper_is_what_holds_only_folders(tmp_path, content, expected):
    write_folder(tmp_path / "x", dict.fromkeys(content, b""))
    install.strip_wrapper(tmp_path / "x")
    assert sorted(read(tmp_path / "x")) == expected


def test_a_folder_tells_where_its_images_came_from(tmp_path):
    prepare_dataset(Request("synthetic", images_per_class=3, seed=5), tmp_path / "drawn")
    assert install.source(tmp_path / "drawn") == "synthetic, 3 images a class, seed 5"
    assert install.source(tmp_path) is None
    assert install.source("tfds:trashnet") is None
    (tmp_path / install.MARKER).write_text("[]")
    assert install.source(tmp_path) is None


def test_a_missing_client_is_named(tmp_path, monkeypatch):
    importlib.import_module("fsspec.registry")
    known = sys.modules["fsspec.registry"]._registry  # where clients stay once imported
    for package, scheme, extra in (("s3fs", "s3", "s3"), ("gcsfs", "gs", "gcs")):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(known, scheme, raising=False)
        with pytest.raises(ImportError, match=rf"pip install '\.\[{extra}\]'"):
            prepare_dataset(Request(f"{scheme}://bucket/x.zip"), tmp_path / "data")


@pytest.fixture
def serve():
    """Starts HTTP servers from a function (method, path, headers) -> (status, headers, body)."""
    with contextlib.ExitStack() as servers:

        def start(respond):
            class Handler(http_server.Handler):
                def reply(self):
                    body = self.body().decode()
                    status, headers, content = respond(self.command, self.path, self.headers, body)
                    self.respond(status, content, headers)

            return servers.enter_context(http_server.serving(Handler)).url

        yield start


def ranged(content, headers, more=None):
    """Responds with the part of the content that the Range header asks for."""
    wanted = headers.get("Range")
    if not wanted:
        return 200, more or {}, content
    start, _, end = wanted.removeprefix("bytes=").partition("-")
    last = min(int(end), len(content) - 1) if end else len(content) - 1
    span = {"Content-Range": f"bytes {start}-{last}/{len(content)}"}
    return 206, {**(more or {}), **span}, content[int(start) : last + 1]


COMMIT = "1" * 40


def hub(files, asked):
    """Speaks what hf_hub_download and the Hub's file system need, for one dataset."""
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    folders.discard(".")

    def facts(name):
        if name in folders:
            return {"type": "directory", "path": name, "oid": "2" * 40}
        size, digest = len(files[name]), hashlib.sha256(files[name]).hexdigest()
        return {"type": "file", "path": name, "size": size, "oid": "2" * 40,
                "lfs": {"oid": digest, "size": size, "pointerSize": 130}}  # fmt: skip

    def respond(method, path, headers, body):
        asked.append((method, path))
        path = urllib.parse.unquote(path.partition("?")[0])
        told = {"X-Repo-Commit": COMMIT, "Content-Type": "application/json"}
        kind, _, rest = path.partition("/datasets/garythung/trashnet")
        verb, _, rest = rest.lstrip("/").partition("/")
        name = rest.partition("/")[2]  # after the revision
        if (kind, verb) == ("", "resolve") and name in files:
            told["ETag"] = f'"{hashlib.sha256(files[name]).hexdigest()}"'
            return ranged(files[name], headers, told)
        if verb == "paths-info":
            wanted = urllib.parse.parse_qs(body).get("paths") or json.loads(body)["paths"]
            found = [facts(name) for name in wanted if name in files or name in folders]
        elif verb == "tree":
            prefix = f"{name}/" if name else ""
            inside = [each for each in [*files, *folders] if each.startswith(prefix)]
            found = [facts(each) for each in inside]
        elif kind == "/api" and verb in ("", "revision"):
            found = {"id": "garythung/trashnet", "sha": COMMIT, "siblings": []}
        else:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        return 200, told, json.dumps(found).encode()

    return respond


def run_prepare(request, data, endpoint, home):
    """Prepares in a process of its own: the Hub's client reads its settings at import."""
    program = (
        "import sys; from trash_keras.data.sources.prepare import *\n"
        f"try: print(prepare_dataset({request}, {str(data)!r}))\n"
        "except (ValueError, OSError) as error: sys.exit(f'error: {error}')"
    )
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONPATH": ""}
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment,
                          capture_output=True, text=True, timeout=120)  # fmt: skip


@pytest.mark.slow
def test_trashnet_comes_from_the_hub_as_one_file_with_its_counts_checked(tmp_path, serve):
    asked = []
    archive = write_zip(tmp_path / "x.zip", "dataset-resized/").read_bytes()
    endpoint = serve(hub({"dataset-resized.zip": archive, "data/x.parquet": b"x"}, asked))
    request = f"Request('trashnet', expected_counts={COUNTS})"
    done = run_prepare(request, tmp_path / "out/data", endpoint, tmp_path / "hf")
    assert f"Prepared(counts={COUNTS}, already=False)" in done.stdout, done.stderr
    assert read(tmp_path / "out/data") == IMAGES
    fetched = {path for method, path in asked if method == "GET" and "/resolve/" in path}
    assert len(fetched) == 1 and fetched.pop().endswith("/dataset-resized.zip")
    asked.clear()
    done = run_prepare(request, tmp_path / "out/data", endpoint, tmp_path / "hf")
    assert "already=True" in done.stdout and not asked

    done = run_prepare("Request('trashnet')", tmp_path / "out/real", endpoint, tmp_path / "hf")
    assert done.returncode == 1
    assert ("trashnet must hold cardboard 403, glass 501, metal 410, paper 594, plastic 482, "
            "trash 137 images. Received: glass 3, metal 2.") in done.stderr  # fmt: skip
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["data"]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["x.zip", "sets/folder"])
def test_archives_and_folders_come_from_addresses_of_the_hub(tmp_path, serve, path):
    content = {f"sets/folder/{name}": data for name, data in IMAGES.items()}
    content["x.zip"] = write_zip(tmp_path / "x.zip").read_bytes()
    source = f"hf://datasets/garythung/trashnet/{path}"
    endpoint = serve(hub(content, []))
    done = run_prepare(f"Request({source!r})", tmp_path / "data", endpoint, tmp_path / "hf")
    assert f"Prepared(counts={COUNTS}, already=False)" in done.stdout, done.stderr
    assert read(tmp_path / "data") == IMAGES


@pytest.mark.slow
def test_a_hub_that_refuses_is_reported(tmp_path, serve):
    endpoint = serve(lambda *_: (404, {"X-Error-Code": "RepoNotFound"}, b""))
    done = run_prepare("Request('trashnet')", tmp_path / "data", endpoint, tmp_path / "hf")
    assert done.stderr.startswith("error: Cannot read garythung/trashnet on Hugging Face")
    assert "--source=PATH/dataset-resized.zip" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.fixture
def s3(monkeypatch):
    """A real S3 server on this machine, with one bucket; yields its boto3 client."""
    boto3 = pytest.importorskip("boto3")
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "key",
                        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1",
                        "AWS_EC2_METADATA_DISABLED": "true"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    server.stop()


@pytest.mark.slow
def test_archives_and_folders_come_from_s3(tmp_path, s3, monkeypatch):
    from trash_keras.data.sources import downloads

    monkeypatch.setattr(downloads, "PIECE_BYTES", 1000)
    archive = write_zip(tmp_path / "x.zip", "wrapper/").read_bytes()
    s3.put_object(Bucket="bucket", Key="sets/x.zip", Body=archive)
    for key, data in {**IMAGES, ".hidden/x.jpg": b"x"}.items():
        s3.put_object(Bucket="bucket", Key=f"sets/folder/{key}", Body=data)
    for key in ("sets/folder/", "sets/folder/glass/"):  # as consoles make them
        s3.put_object(Bucket="bucket", Key=key, Body=b"")
    for source in ("s3://bucket/sets/x.zip", "s3://bucket/sets/folder", "s3://bucket/sets/folder/"):
        data = tmp_path / hashlib.md5(source.encode()).hexdigest()
        assert prepare_dataset(Request(source), data).counts == COUNTS
        assert read(data) == IMAGES
        assert prepare_dataset(Request(source), data).already
    with pytest.raises(OSError, match=r"s3://bucket/gone\.zip: there is no such file"):
        prepare_dataset(Request("s3://bucket/gone.zip"), tmp_path / "gone")
    s3.put_object(Bucket="bucket", Key="bad/../evil.jpg", Body=b"x")
    with pytest.raises(ValueError, match="must stay within their folder"):
        prepare_dataset(Request("s3://bucket/bad"), tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


@pytest.mark.slow
def test_s3_without_credentials_says_what_to_do(tmp_path, s3, monkeypatch, script):
    body = write_zip(tmp_path / "x.zip").read_bytes()
    s3.put_object(Bucket="bucket", Key="x.zip", Body=body, ACL="public-read")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(OSError, match=r"Unable to locate credentials.*FSSPEC_S3_ANON=true"):
        prepare_dataset(Request("s3://bucket/x.zip"), tmp_path / "data")
    arguments = ["--source=s3://bucket/x.zip", f"--data_dir={tmp_path / 'data'}"]
    done = script("prepare", *arguments, env=os.environ | {"FSSPEC_S3_ANON": "true"}, timeout=120)
    assert done.stdout == f"Wrote 5 images of 2 classes to {tmp_path / 'data'}\n", done.stderr


def cloud_storage(objects):
    """Speaks the part of Google's JSON API that reading needs, for the bucket `bucket`."""

    def facts(name):
        return {"kind": "storage#object", "bucket": "bucket", "name": name, "etag": "tag",
                "size": str(len(objects[name])), "id": f"bucket/{name}/1"}  # fmt: skip

    def respond(method, path, headers, body):
        url = urllib.parse.urlparse(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        as_json = {"Content-Type": "application/json"}
        base = "/storage/v1/b/bucket/o"
        if "/b/bucket/o/" in url.path:
            name = urllib.parse.unquote(url.path.partition("/b/bucket/o/")[2])
            if name not in objects:
                return 404, as_json, b'{"error": {"code": 404, "message": "No such object"}}'
            if query.get("alt") == "media":
                return ranged(objects[name], headers)
            return 200, as_json, json.dumps(facts(name)).encode()
        if url.path.rstrip("/") == base:
            prefix, items, prefixes = query.get("prefix", ""), [], set()
            for name in sorted(objects):
                if name.startswith(prefix):
                    rest = name[len(prefix) :]
                    if query.get("delimiter") and "/" in rest:
                        prefixes.add(prefix + rest.partition("/")[0] + "/")
                    else:
                        items.append(facts(name))
            listing = {"kind": "storage#objects", "items": items, "prefixes": sorted(prefixes)}
            return 200, as_json, json.dumps(listing).encode()
        return 404, as_json, b'{"error": {"code": 404, "message": "The bucket does not exist"}}'

    return respond


@pytest.mark.slow
def test_archives_and_folders_come_from_google_cloud_storage(tmp_path, serve, script):
    pytest.importorskip("gcsfs")
    objects = {f"folder/{name}": data for name, data in IMAGES.items()}
    objects["x.zip"] = write_zip(tmp_path / "x.zip").read_bytes()
    environment = {**os.environ, "STORAGE_EMULATOR_HOST": serve(cloud_storage(objects)),
                   "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}  # fmt: skip

    def run(source, data):
        flags = (f"--source={source}", f"--data_dir={data}")
        return script("prepare", *flags, env=environment, timeout=120)

    for source in ("gs://bucket/x.zip", "gs://bucket/folder"):
        data = tmp_path / "out" / source.rpartition("/")[2]
        done = run(source, data)
        assert done.stdout == f"Wrote 5 images of 2 classes to {data}\n", done.stderr
        assert read(data) == IMAGES
    done = run("gs://nowhere/x.zip", tmp_path / "gone")
    assert done.returncode == 1 and not (tmp_path / "gone").exists()
    assert "error: Cannot read gs://nowhere/x.zip: there is no such file or folder" in done.stderr


@pytest.mark.slow
def test_killed_while_unpacking_it_leaves_no_data_folder(tmp_path, kill_script):
    noise = {f"a/{index}.jpg": os.urandom(2000) for index in range(8_000)}
    archive = write_zip(tmp_path / "set.zip", content=noise | {"b/x.jpg": b"x"})
    room = tmp_path / "room"
    kill_script(
        "prepare", f"--source={archive}", f"--data_dir={room / 'data'}",
        when=lambda: sum(1 for _ in room.rglob("*.jpg")) >= 100,
    )  # fmt: skip
    assert not (room / "data").exists()
    done = prepare_dataset(Request(str(archive)), room / "data")
    assert done == prepare.Prepared({"a": 8_000, "b": 1}, already=False)
