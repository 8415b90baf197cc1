"""Which files are images: one rule for folders, object stores, archives and all verbs."""

import io
import json
import os

import fsspec
import numpy as np
import pytest
from PIL import Image

from trash_keras.data import image_files, image_listing, outliers, splits
from trash_keras.data.audit import audit
from trash_keras.data.catalog import scan
from trash_keras.data.image_listing import BROKEN, HIDDEN, LINKED, LOOSE, OTHER
from trash_keras.data.readers import base
from trash_keras.data.sources.prepare import Request, prepare_dataset

PIXELS = Image.fromarray(np.full((16, 20, 3), 90, np.uint8))


def encoded(kind="JPEG", **options):
    stream = io.BytesIO()
    PIXELS.save(stream, kind, **options)
    return stream.getvalue()


def put(root, *names, content=None):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded() if content is None else content)


TAKEN = (
    "a/1.jpg", "a/2.JPE", "a/3.jfif", "a/4.mpo", "a/5.pjpeg", "a/6.TIF", "a/7.tiff", "a/8.hif",
    "a/bare", "a/IMG 2023.05.11", "a/photo.jpg_large", "a/ends.", "a/below/9.jpg",
)  # fmt: skip
PASSED = {
    OTHER: ["a/notes.txt", "a/raw.dng", "a/film.mp4", "a/README", "a/copy.jpg~", "a/x.jpg.part"],
    HIDDEN: ["a/.hidden.jpg", "a/._1.jpg"],
    LOOSE: ["loose.png"],
}


@pytest.fixture
def mixed(tmp_path):
    """A folder of all sorts, as phones, browsers, Macs and NAS devices leave it."""
    root = tmp_path / "mixed"
    put(root, *TAKEN, "b/1.jpg", "b/2.jpg", "b/3.jpg")
    for names in PASSED.values():
        put(root, *names)
    put(root, "a/README", content=b"text")
    put(root, "a/.DS_Store", "a/Thumbs.db", "a/desktop.ini", content=b"x")
    put(root, "a/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/a/._1.jpg")
    put(root, ".ipynb_checkpoints/a.jpg", "b/.thumbnails/1.jpg")
    return root


HIDDEN_FOLDERS = ["a/@eaDir", "__MACOSX", ".ipynb_checkpoints", "b/.thumbnails"]


def test_suffix_or_else_content_decides_and_the_rest_is_told(mixed, capsys):
    reader = base.open_reader(mixed)
    assert reader.files_by_class() == scan(mixed)
    assert reader.files_by_class()["a"] == tuple(sorted(TAKEN))
    assert set(reader.files_by_class()) == {"a", "b"}
    passed = {reason: sorted(paths) for reason, paths in reader.passed_over().items()}
    expected = PASSED | {HIDDEN: PASSED[HIDDEN] + HIDDEN_FOLDERS}
    assert passed == {reason: sorted(paths) for reason, paths in expected.items()}
    image_listing.tell(reader.passed_over(), "mixed")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Passed over in mixed: ") and "6 of other kinds (" in line
    assert ".txt 1" in line and "1 in no class folder (loose.png)" in line


def test_an_object_store_is_read_by_the_same_rule(mixed):
    store = fsspec.filesystem("memory")
    for file in mixed.rglob("*"):
        if file.is_file():
            store.pipe_file(f"/listing/{file.relative_to(mixed).as_posix()}", file.read_bytes())
    try:
        reader = base.open_reader("memory://listing")
        assert reader.files_by_class() == scan(mixed)
        assert sorted(reader.passed_over()[OTHER]) == sorted(PASSED[OTHER])
        found = list(image_files.iter_image_files(["memory://listing/a"]))
        assert [name.removeprefix("memory:///listing/") for name in found] == sorted(TAKEN)
        store.pipe_file("/empty/notes.txt", b"x")
        with pytest.raises(ValueError, match=r"has no images.*1 of other kinds \(\.txt 1\)"):
            list(image_files.iter_image_files(["memory://empty"]))
    finally:
        store.store.clear()


def test_predict_and_ood_take_the_files_that_training_takes(mixed, capsys):
    names = list(image_files.iter_image_files([str(mixed / "a")]))
    assert [os.path.relpath(name, mixed) for name in names] == sorted(TAKEN)
    assert "Passed over in" in capsys.readouterr().err
    found = outliers.split(mixed / "a", "ood_dir").catalog
    assert {f"a/{path}" for path in found.paths()} == set(TAKEN)
    assert "Passed over in" in capsys.readouterr().err


def test_a_source_is_prepared_and_audited_by_the_same_rule(mixed, tmp_path, capsys):
    done = prepare_dataset(Request(str(mixed)), tmp_path / "data")
    assert done.counts == {"a": len(TAKEN), "b": 3}
    assert "Passed over in" in capsys.readouterr().err
    assert set(audit.read_catalog(mixed).paths()) == {*TAKEN, "b/1.jpg", "b/2.jpg", "b/3.jpg"}
    assert "Passed over in" in capsys.readouterr().err


def test_linked_folders_are_followed_once_and_not_in_circles(tmp_path):
    put(tmp_path, "outside/1.jpg", "outside/deep/2.jpg", "data/a/3.jpg", "data/.store/4.jpg")
    data = tmp_path / "data"
    for link, target in {
        "a/round": "..", "a/up": "../..", "a/all": "/", "b": "../outside", "c": "a",
        "a/twice": "../../outside", "d": ".store", "a/gone.jpg": "nowhere",
    }.items():  # fmt: skip
        (data / link).symlink_to(target)
    (tmp_path / "outside/back").symlink_to(data)
    (data / "a/5.jpg").symlink_to("../../outside/1.jpg")
    os.mkfifo(data / "a/pipe.jpg")
    found = image_listing.list_folder(data)
    files, _ = image_listing.by_class(found)
    assert files == {
        "a": ("a/3.jpg", "a/5.jpg", "a/twice/1.jpg", "a/twice/deep/2.jpg"), "d": ("d/4.jpg",),
    } or files == {
        "a": ("a/3.jpg", "a/5.jpg"), "b": ("b/1.jpg", "b/deep/2.jpg"), "d": ("d/4.jpg",),
    }  # fmt: skip
    assert {"a/round", "a/up", "a/all", "c"} <= set(found.passed_over[LINKED])
    assert sorted(found.passed_over[BROKEN]) == ["a/gone.jpg", "a/pipe.jpg"]
    assert image_listing.list_folder(data) == found


def test_links_of_a_source_are_prepared_as_they_would_be_read(tmp_path, capsys):
    put(tmp_path, "outside/1.jpg", "source/a/2.jpg", "source/a/3.jfif")
    (tmp_path / "source/b").symlink_to("../outside")
    (tmp_path / "source/a/round").symlink_to("..")
    (tmp_path / "source/a/4.jpg").symlink_to("../../outside/1.jpg")
    (tmp_path / "source/a/gone.jpg").symlink_to("nowhere")
    done = prepare_dataset(Request(str(tmp_path / "source")), tmp_path / "data")
    assert done.counts == {"a": 3, "b": 1}
    told = capsys.readouterr().err
    assert "1 broken links or devices (a/gone.jpg)" in told and "(a/round)" in told


def test_a_linked_data_folder_and_linked_classes_train(tmp_path):
    for name in ("a", "b"):
        put(tmp_path, *(f"store/{name}/{number}.jfif" for number in range(6)))
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(tmp_path / "store" / name)
    (tmp_path / "link").symlink_to("data")
    catalog = splits.split(tmp_path / "link", "stratified")
    assert len(catalog.paths()) == 12


@pytest.mark.parametrize(
    ("names", "told"),
    [(("a/x.dng", "b/y.txt"), "2 of other kinds"), (("x.jpg",), "1 in no class folder"),
     (("a/.x.jpg", "@eaDir/a.jpg"), "2 hidden or made by a system"), ((), "has no images")],
)  # fmt: skip
def test_no_image_at_all_is_an_error_everywhere(tmp_path, names, told):
    data = tmp_path / "data"
    data.mkdir()
    put(data, *names, content=b"no image")
    for fail in (
        lambda: splits.split(data, "stratified"), lambda: base.open_reader(data).files_by_class(),
        lambda: audit.read_catalog(data),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=f"has no images.*{told}|{told}"):
            fail()
    with pytest.raises(ValueError, match="no class folders with images"):
        prepare_dataset(Request(str(data)), tmp_path / "out")
    if "x.jpg" not in names:
        with pytest.raises(ValueError, match="has no images"):
            list(image_files.iter_image_files([str(data)]))
        with pytest.raises(ValueError, match="has no image that can be decoded, of 0"):
            outliers.split(data, "ood_dir")


def test_an_empty_list_or_folder_beside_images_is_no_error(tmp_path):
    put(tmp_path, "full/1.jpg")
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").write_text("\n")
    names = [str(tmp_path / "empty"), str(tmp_path / "full")]
    assert len(list(image_files.iter_image_files(names, str(tmp_path / "list.txt")))) == 1
    with pytest.raises(ValueError, match=r"list\.txt has no images"):
        list(image_files.iter_image_files(names[:1], str(tmp_path / "list.txt")))


def test_the_report_counts_and_names_some(mixed):
    found = image_listing.summary({OTHER: [f"a/{n}.xml" for n in range(90)], LOOSE: ["\udcff.jpg"]})
    assert found[OTHER]["files"] == 90 and found[OTHER]["suffixes"] == {".xml": 90}
    assert len(found[OTHER]["examples"]) == image_listing.EXAMPLES
    assert json.loads(json.dumps(found)) == found
    assert image_listing.sentence(found) == (
        r"90 of other kinds (.xml 90); 1 in no class folder (\xff.jpg)"
    )
