import shutil

import pytest

from trash_keras.data import splits
from trash_keras.data.catalog import Catalog
from trash_keras.data.stores import FolderStore
from trash_keras.tracking import fingerprint


@pytest.fixture
def catalog(data_dir):
    return splits.split(data_dir, "stratified", 0, "", FolderStore(data_dir))


def test_the_same_data_elsewhere_has_the_same_catalog_and_other_files(data_dir, catalog, tmp_path):
    copy = shutil.copytree(data_dir, tmp_path / "copy")
    here = fingerprint.of(catalog, FolderStore(data_dir))
    there = fingerprint.of(catalog, FolderStore(copy))
    assert here["catalog_sha256"] == there["catalog_sha256"]
    assert here["files_sha256"] != there["files_sha256"]
    assert here["pictures"] == there["pictures"] == {"train": 24, "valid": 6, "test": 6}
    assert all(len(here[name]) == 64 for name in ("catalog_sha256", "files_sha256"))


def test_it_outlives_writing_and_reading_the_catalog(data_dir, catalog, tmp_path):
    catalog.save(tmp_path / "catalog.json")
    store = FolderStore(data_dir)
    again = fingerprint.of(Catalog.load(tmp_path / "catalog.json"), store)
    assert again == fingerprint.of(catalog, store)


def test_another_split_of_the_same_files_has_another_catalog(data_dir, catalog):
    store = FolderStore(data_dir)
    other = splits.split(data_dir, "stratified", 1, "", store)
    one, two = (fingerprint.of(each, store)["catalog_sha256"] for each in (catalog, other))
    assert one != two


def test_a_picture_changed_in_place_changes_the_files_alone(data_dir, catalog):
    store = FolderStore(data_dir)
    before = fingerprint.of(catalog, store)
    picture = data_dir / catalog.examples("test")[0][0]
    picture.write_bytes(picture.read_bytes() + b"\0")
    after = fingerprint.of(catalog, store)
    assert before["files_sha256"] != after["files_sha256"]
    assert before["catalog_sha256"] == after["catalog_sha256"]
