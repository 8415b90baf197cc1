import shutil

import pytest

from trash_keras.data import splits
from trash_keras.data.catalog import Catalog
from trash_keras.data.readers.base import FolderReader
from trash_keras.tracking.fingerprint import dataset_fingerprint


@pytest.fixture
def catalog(data_dir):
    return splits.split(data_dir, "stratified", 0, "", FolderReader(data_dir))


def test_the_same_data_elsewhere_has_the_same_catalog_and_other_files(data_dir, catalog, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "copy")
    here = dataset_fingerprint(catalog, FolderReader(data_dir))
    there = dataset_fingerprint(catalog, FolderReader(copy))
    assert here["catalog_sha256"] == there["catalog_sha256"]
    assert here["files_sha256"] != there["files_sha256"]
    assert here["images"] == there["images"] == {"train": 24, "valid": 6, "test": 6}
    assert all(len(here[name]) == 64 for name in ("catalog_sha256", "files_sha256"))


def test_it_outlives_writing_and_reading_the_catalog(data_dir, catalog, tmp_path):
    catalog.save(tmp_path / "catalog.json")
    reader = FolderReader(data_dir)
    again = dataset_fingerprint(Catalog.load(tmp_path / "catalog.json"), reader)
    assert again == dataset_fingerprint(catalog, reader)


def test_another_split_of_the_same_files_has_another_catalog(data_dir, catalog):
    reader = FolderReader(data_dir)
    other = splits.split(data_dir, "stratified", 1, "", reader)
    one, two = (dataset_fingerprint(each, reader)["catalog_sha256"] for each in (catalog, other))
    assert one != two


def test_an_image_changed_in_place_changes_the_files_alone(data_dir, catalog):
    reader = FolderReader(data_dir)
    before = dataset_fingerprint(catalog, reader)
    image = data_dir / catalog.examples("test")[0][0]
    image.write_bytes(image.read_bytes() + b"\0")
    after = dataset_fingerprint(catalog, reader)
    assert before["files_sha256"] != after["files_sha256"]
    assert before["catalog_sha256"] == after["catalog_sha256"]
