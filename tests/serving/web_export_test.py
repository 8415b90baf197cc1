"""The exported page as files: complete, whole, and never over something else."""

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.serving.web_demo_test import site  # noqa: F401 a fixture
from trash_keras.serving import web_demo, web_export


def files_of(folder):
    """Returns name -> content; the folder of a version is called VERSION."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    files = {name: path.read_bytes() for name, path in found.items() if path.is_file()}
    return {re.sub(r"^[0-9a-f]{16}/", "VERSION/", name): content for name, content in files.items()}


@pytest.fixture
def target(site, tmp_path):  # noqa: F811 the fixture
    """A folder with an export."""
    folder = tmp_path / "below" / "site"
    web_export.write(site, folder)
    return folder


def test_it_has_all_that_the_server_gives_out_and_one_runtime(site, tmp_path):  # noqa: F811
    done = web_export.write(site, tmp_path / "site")
    found = files_of(tmp_path / "site")
    below = {*site.files, "site.json"} - {"index.html", "service_worker.js"}
    outside = {"index.html", "service_worker.js", ".nojekyll"}
    assert set(found) == {f"VERSION/{name}" for name in below} | outside
    assert {name for name in found if name.endswith(".wasm")} == {
        "VERSION/runtime/litert_wasm_compat_internal.wasm"
    }
    assert len([name for name in found if name.startswith("VERSION/examples/")]) == 6
    assert json.loads(found["VERSION/site.json"])["offline"]
    assert (done.folder, done.files) == ((tmp_path / "site").resolve(), len(found))
    assert done.size == sum(map(len, found.values()))
    assert not any(path.stat().st_mode & 0o111 for path in done.folder.rglob("*.*s"))


def test_all_that_the_page_names_is_in_it(target):
    found = files_of(target)
    page = found["index.html"].decode()
    base = re.search(r'<head>\n<base href="([0-9a-f]{16})/">', page)[1]
    assert (target / base).is_dir() and page.index("<base") < page.index("Content-Security-Policy")
    named = set(re.findall(r'<(?:link|script|img)[^>]* (?:href|src)="([^"]+)"', page))
    named |= set(re.findall(r'": "\./([^"]+)"', page))
    for name, content in found.items():
        if re.fullmatch(r"VERSION/\w+\.js", name):
            imports = r'(?:from|import|Worker\()\s*"(?:\./)?(\w+\.js)"'
            named |= set(re.findall(imports, content.decode()))
    manifest = json.loads(found["VERSION/manifest.webmanifest"])
    assert manifest["start_url"] == manifest["scope"] == "../"
    named |= {icon["src"] for icon in manifest["icons"]}
    assert len(named) > 20 and {f"VERSION/{name}" for name in named} <= set(found)


def test_the_worker_lists_each_file_with_its_digest(target):
    listed = json.loads(re.search(r"const FILES = (.*);", read_worker(target))[1])
    for name, digest in listed.items():
        content = (target / (name if name != "./" else "index.html")).read_bytes()
        assert digest == f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"
    assert len(listed) == len(files_of(target)) - 2  # itself and .nojekyll


def read_worker(folder):
    return (folder / "service_worker.js").read_text()


def test_the_version_is_that_of_the_content(site, tmp_path, target):  # noqa: F811
    first = read_worker(target)
    web_export.write(site, tmp_path / "same")
    assert read_worker(tmp_path / "same") == first and 'const VERSION = "";' not in first
    site.model.write_bytes(site.model.read_bytes() + b" ")
    web_export.write(site, target)
    version = re.compile(r'VERSION = "(\w{16})"')
    assert version.search(read_worker(target))[1] != version.search(first)[1]


def test_an_earlier_export_is_replaced_whole(site, target):  # noqa: F811
    (gone,) = target.glob("*/style.css")
    gone.unlink()  # as of a copy that was cut short
    web_export.write(site, target)
    assert gone.exists()
    assert [path.name for path in target.parent.iterdir()] == ["site"]


def test_an_empty_folder_and_a_link_to_one_are_taken(site, tmp_path):  # noqa: F811
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    web_export.write(site, tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and "index.html" in files_of(tmp_path / "real")


@pytest.mark.parametrize("name", ["CNAME", "examples/mine.jpg", ".git/config", "index.html"])
def test_a_folder_with_something_else_is_left_alone(site, target, name):  # noqa: F811
    (target / name).parent.mkdir(exist_ok=True)
    (target / name).write_text("mine")
    before = files_of(target)
    with pytest.raises(ValueError, match=f"replaces only what it wrote, and {re.escape(name)} in"):
        web_export.write(site, target)
    assert files_of(target) == before


def test_a_folder_that_is_no_export_is_left_alone(site, tmp_path):  # noqa: F811
    for name, text in {"service_worker.js": "const FILES = {};\n", "page.html": ""}.items():
        folder = tmp_path / Path(name).stem
        folder.mkdir()
        (folder / name).write_text(text)
        with pytest.raises(ValueError, match=f"{name} in"):
            web_export.write(site, folder)
        assert files_of(folder) == {name: text.encode()}


@pytest.mark.parametrize(
    ("path", "message"),
    [("", "Received: nothing"), ("gs://bucket/x", "on this machine"), ("FILE", "is a file"),
     ("FILE/below", "is a file")],
)  # fmt: skip
def test_what_is_no_folder_is_refused(site, tmp_path, path, message):  # noqa: F811
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=f"--export takes a folder.*{message}"):
        web_export.write(site, path.replace("FILE", str(tmp_path / "file")))


def test_when_it_fails_the_earlier_one_stays(site, target, monkeypatch):  # noqa: F811
    before = files_of(target)
    shutil.rmtree(site.node_modules)
    with pytest.raises(FileNotFoundError):
        web_export.write(site, target)
    assert files_of(target) == before and len(list(target.parent.iterdir())) == 1


def test_nothing_comes_from_elsewhere(target):
    """But for the addresses in comments and the namespace of SVG."""
    own = {
        name: text
        for name, text in files_of(target).items()
        if not name.startswith("VERSION/runtime")
    }
    for name, content in own.items():
        if name.endswith((".js", ".html", ".css", ".webmanifest")):
            code = re.sub(r"//.*|/\*.*?\*/", "", content.decode())
            assert "http://" not in code and "https://" not in code, name


def test_the_icons_are_of_the_sides_that_the_manifest_says():
    from PIL import Image

    manifest = json.loads((web_demo.PAGE / "manifest.webmanifest").read_text())
    for icon in manifest["icons"]:
        with Image.open(web_demo.PAGE / icon["src"]) as image:
            assert icon["sizes"] == f"{image.width}x{image.height}"
