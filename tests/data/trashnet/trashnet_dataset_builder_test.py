"""The builder through tensorflow-datasets' own test case, its command line and its loader."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import tensorflow_datasets

from tests.support import http_server
from trash_keras.data import splits
from trash_keras.data.trashnet import official_lists, trashnet_dataset_builder

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "trashnet" / "images"
SIZES = {"train": 1768, "validation": 328, "test": 431}


@pytest.mark.slow
class TrashNetTest(tensorflow_datasets.testing.DatasetBuilderTestCase):
    DATASET_CLASS = trashnet_dataset_builder.Builder
    SPLITS = SIZES

    @pytest.fixture(autouse=True, scope="class")
    def dummy_images(self, request, tiny_trashnet):
        request.cls.EXAMPLE_DIR = str(tiny_trashnet)


def prepare(data_dir, manual_dir=None, download_dir=None):
    builder = trashnet_dataset_builder.Builder(data_dir=data_dir)
    builder.download_and_prepare(
        download_dir=download_dir,
        download_config=tensorflow_datasets.download.DownloadConfig(manual_dir=manual_dir),
    )
    return builder


def assert_is_the_official_split(data_dir, catalog, folder):
    loaded, info = tensorflow_datasets.load(
        "trashnet",
        data_dir=data_dir,
        download=False,
        with_info=True,
        decoders={"image": tensorflow_datasets.decode.SkipDecoding()},
    )
    assert {split: len(loaded[split]) for split in loaded} == SIZES
    for theirs, ours in trashnet_dataset_builder.SPLITS.items():
        paths, labels = catalog.examples(ours)
        records = list(loaded[theirs].as_numpy_iterator())
        assert [record["file"].decode() for record in records] == paths
        assert [record["label"] for record in records] == labels.tolist()
        assert [record["image"] for record in records] == [
            (folder / path).read_bytes() for path in paths
        ]
    assert info.features["label"].names == list(catalog.class_names)
    assert "Thung" in info.citation
    assert info.description.startswith("TrashNet: 2,527 photographs")


def test_an_archive_in_manual_dir_gives_the_official_split_in_the_order_of_the_catalog(
    tmp_path, tiny_archive, tiny_catalog, tiny_trashnet
):
    prepare(tmp_path, tiny_archive.parent)
    assert_is_the_official_split(tmp_path, tiny_catalog, tiny_trashnet)


@pytest.fixture
def served(tiny_archive, monkeypatch):
    class Archive(http_server.Handler):
        def reply(self):
            whole = tiny_archive.read_bytes()
            self.respond(200, whole[: self.server.sent_bytes], {"Content-Length": len(whole)})
            self.close_connection = True

    with http_server.serving(Archive, sent_bytes=None) as server:
        monkeypatch.setattr(trashnet_dataset_builder, "URL", f"{server.url}/{tiny_archive.name}")
        yield server


@pytest.mark.parametrize("manual", [None, "other"])
def test_without_manual_data_the_archive_is_downloaded(
    tmp_path, served, tiny_catalog, tiny_trashnet, manual
):
    if manual:  # the default manual_dir, with what another data set needs
        (tmp_path / "downloads" / "manual").mkdir(parents=True)
        (tmp_path / "downloads" / "manual" / "ILSVRC2012_img_train.tar").touch()
    prepare(tmp_path)
    assert_is_the_official_split(tmp_path, tiny_catalog, tiny_trashnet)


def test_an_earlier_download_is_used_without_network(
    tmp_path, served, tiny_catalog, tiny_trashnet, monkeypatch
):
    prepare(tmp_path / "first", download_dir=tmp_path / "downloads")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nothing listens there
    prepare(tmp_path / "second", download_dir=tmp_path / "downloads")
    assert_is_the_official_split(tmp_path / "second", tiny_catalog, tiny_trashnet)
    with pytest.raises(ValueError, match="cannot be reached"):
        prepare(tmp_path / "third", download_dir=tmp_path / "none")


def test_a_damaged_download_is_refused(tmp_path, served, tiny_archive, monkeypatch):
    served.sent_bytes = 10_000
    with pytest.raises(Exception, match=r"not a whole|IncompleteRead|Connection broken"):
        prepare(tmp_path)
    assert not list(tmp_path.rglob("*.tfrecord*"))


def test_other_things_in_manual_dir_are_refused(tmp_path):
    (tmp_path / "manual" / "bottles").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"must hold dataset-resized\.zip or .*Found .*: bottles"):
        prepare(tmp_path / "data", tmp_path / "manual")


def test_a_class_or_image_too_few_is_refused(tmp_path, tiny_trashnet):
    manual = tmp_path / "manual"
    shutil.copytree(tiny_trashnet, manual, copy_function=os.link)
    (manual / "glass" / "glass7.jpg").unlink()
    shutil.rmtree(manual / "metal")
    with pytest.raises(ValueError, match=r"glass 501, metal 410.* Found .*glass 500, metal 0"):
        prepare(tmp_path / "data", manual)


def test_an_image_of_another_name_is_refused(tmp_path, tiny_trashnet):
    manual = tmp_path / "manual"
    shutil.copytree(tiny_trashnet, manual, copy_function=os.link)
    (manual / "glass" / "glass7.jpg").rename(manual / "glass" / "bottle.jpg")
    with pytest.raises(ValueError, match=r"names glass7\.jpg, which is not in the data folder"):
        prepare(tmp_path / "data", manual)


def test_an_archive_cut_short_or_of_other_things_is_refused(tmp_path, tiny_archive):
    (tmp_path / "dataset-resized.zip").write_bytes(tiny_archive.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="not a whole zip archive"):
        prepare(tmp_path / "data", tmp_path)
    with zipfile.ZipFile(tmp_path / "dataset-resized.zip", "w") as archive:
        archive.writestr("bottles/1.jpg", b"")
    with pytest.raises(ValueError, match="must hold the class folders cardboard, glass"):
        prepare(tmp_path / "data", tmp_path)


def test_a_damaged_image_in_the_archive_is_refused(tmp_path, tiny_archive):
    content = bytearray(tiny_archive.read_bytes())
    place = content.index(b"glass/glass7.jpg", content.index(b"\xff\xd8\xff"))
    content[place + 60] ^= 0xFF
    (tmp_path / "dataset-resized.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"glass/glass7\.jpg is damaged .*CRC-32"):
        prepare(tmp_path / "data", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["folder", "name"])
def test_tfds_build(tmp_path, tiny_trashnet, tiny_catalog, how):
    pytest.importorskip("apache_beam", reason="needs the extra beam: make beam")
    pytest.importorskip("mlcroissant", reason="the tfds command imports it; pip install '.[dev]'")
    names = {
        "folder": [str(Path(trashnet_dataset_builder.__file__).parent)],
        "name": ["trashnet", f"--imports={trashnet_dataset_builder.__name__}"],
    }
    subprocess.run(
        [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build", *names[how],
         f"--manual_dir={tiny_trashnet}", f"--data_dir={tmp_path}"],
        check=True, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert_is_the_official_split(tmp_path, tiny_catalog, tiny_trashnet)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs the images of TrashNet in {REAL}")
def test_the_real_images(tmp_path):
    info = prepare(tmp_path, REAL).info
    assert {name: split.num_examples for name, split in info.splits.items()} == SIZES
    catalog = splits.split(REAL, "official", split_dir=official_lists.LISTS_DIR)
    assert_is_the_official_split(tmp_path, catalog, REAL)
