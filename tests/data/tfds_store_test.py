import io
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from trash_keras.data import splits, tfds_records
from trash_keras.data.catalog import SPLITS, Catalog, mixing_key, scan
from trash_keras.data.tfds_store import TfdsStore
from trash_keras.data.trashnet import trashnet_dataset_builder as trashnet

FORMATS = ("tfrecord", "array_record")


@pytest.fixture(scope="session", params=FORMATS)
def prepared(request, tmp_path_factory, tiny_trashnet):
    """A tfds data folder in which trashnet lies in several files a split."""
    data_dir = tmp_path_factory.mktemp(request.param)
    builder = trashnet.Builder(data_dir=data_dir, file_format=request.param)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=tiny_trashnet, num_shards=3)
    )
    return data_dir


@pytest.fixture
def store(prepared):
    return TfdsStore(f"tfds:trashnet@{prepared}")


def assert_reads(store, folder, paths):
    dataset = store.encoded(paths)
    assert len(dataset) == len(paths)
    assert dataset.element_spec == (tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.string))
    assert list(dataset.as_numpy_iterator()) == [
        (position, (folder / path).read_bytes()) for position, path in enumerate(paths)
    ]


def test_members_and_splits_are_those_of_the_folder(store, tiny_trashnet, tiny_catalog):
    assert store.members() == scan(tiny_trashnet)
    assert list(store.members()) == sorted(store.members())
    assert store.official() == tiny_catalog.splits


@pytest.mark.parametrize("split", SPLITS)
def test_an_official_split_streams_in_order(store, tiny_trashnet, tiny_catalog, split):
    assert_reads(store, tiny_trashnet, tiny_catalog.examples(split)[0])


def test_everything_streams_in_order(store, tiny_trashnet):
    paths = Catalog(tuple(store.members()), {"all": store.members()}).examples("all")[0]
    assert len(paths) == 2527
    assert_reads(store, tiny_trashnet, paths)


@pytest.mark.parametrize("split", SPLITS)
def test_splits_of_ours_stream_from_all_of_theirs(store, tiny_trashnet, split):
    ours = splits.split(tiny_trashnet, "stratified", seed=3)
    assert_reads(store, tiny_trashnet, ours.examples(split)[0])


@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_a_few_pictures(store, tiny_trashnet, tiny_catalog, count):
    paths = [path for split in SPLITS for path in tiny_catalog.examples(split)[0]]
    chosen = np.random.default_rng(count).choice(paths, count, replace=False)
    assert_reads(store, tiny_trashnet, sorted(chosen.tolist(), key=mixing_key))


def test_another_order_and_repeated_pictures_are_read_as_asked(store, tiny_trashnet, tiny_catalog):
    paths = tiny_catalog.examples("valid")[0][::-1] + tiny_catalog.examples("train")[0][:5]
    assert_reads(store, tiny_trashnet, paths + paths[:3])


def test_order_holds_in_a_pipeline_that_prefers_speed(store, tiny_trashnet, tiny_catalog):
    paths = tiny_catalog.examples("train")[0][::2]
    options = tf.data.Options()
    options.deterministic = False
    got = store.encoded(paths).with_options(options).as_numpy_iterator()
    assert [encoded for _, encoded in got] == [
        (tiny_trashnet / path).read_bytes() for path in paths
    ]


def test_a_second_pass_is_the_same(store, tiny_trashnet, tiny_catalog):
    dataset = store.encoded(tiny_catalog.examples("valid")[0])
    assert list(dataset.as_numpy_iterator()) == list(
        dataset.repeat(2).skip(328).as_numpy_iterator()
    )


def test_one_picture(store, tiny_trashnet):
    assert store.read("trash/trash9.jpg") == (tiny_trashnet / "trash/trash9.jpg").read_bytes()
    with pytest.raises(ValueError, match=r"has no picture 'trash/trash999\.jpg'"):
        store.read("trash/trash999.jpg")


def test_record_files_are_not_handed_out_to_workers(store, tiny_catalog):
    options = store.encoded(tiny_catalog.examples("test")[0]).options()
    policy = options.experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA


def test_data_is_prepared_when_it_is_not(tmp_path, tiny_archive, tiny_catalog, monkeypatch):
    manual_dir = tmp_path / "downloads" / "manual"
    manual_dir.mkdir(parents=True)
    (manual_dir / tiny_archive.name).symlink_to(tiny_archive)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert TfdsStore("tfds:trashnet:1.0.0").official() == tiny_catalog.splits
    assert (tmp_path / "trashnet" / "1.0.0" / "dataset_info.json").is_file()


def test_with_no_network_the_ways_out_are_named(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(ValueError, match="preparing it failed") as caught:
        TfdsStore(f"tfds:trashnet@{tmp_path}")
    message = str(caught.value)
    assert "\n" not in message
    assert f"dataset-resized.zip or its class folders into the manual_dir {tmp_path}" in message
    assert "--source=trashnet" in message


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("trashnet", "is written tfds:NAME.*Received: 'trashnet'"),
        ("tfds:", "is written tfds:NAME"),
        ("tfds:@somewhere", "is written tfds:NAME"),
        ("tfds:no_such_pictures@{}", "knows no data set 'no_such_pictures'.*tfds:NAME@DATA_DIR"),
        ("tfds:trashnet:9.9.9@{}", r"cannot be opened: .*9\.9\.9"),
        ("tfds:imdb_reviews@{}", "Training needs the features image"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(tmp_path, location, message):
    with pytest.raises(ValueError, match=message) as caught:
        TfdsStore(location.format(tmp_path))
    assert "\n" not in str(caught.value)


# Data sets of other people, in an order of their own.

CLASS_NAMES = ["zinc", "amber", "moss"]  # not alphabetical, as foreign labels may be
LABELS = {"train": [0, 1, 2] * 10, "validation": [2, 1, 0], "test": [1, 1, 2, 0, -1]}


def write_foreign(data_dir, *, file_format="tfrecord", names=tuple(LABELS), files=None):
    """Prepares grey pictures, brighter by split and number; `files` gives each its `file`."""

    class Shades(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("2.0.0")
        pkg_dir_path = data_dir

        def _info(self):
            features = {
                "image": tfds.features.Image(encoding_format="png"),
                "label": tfds.features.ClassLabel(names=CLASS_NAMES),
            } | ({"file": tfds.features.Text()} if files else {})
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in names}

        def _generate_examples(self, split):
            for index, label in enumerate(LABELS[split]):
                shade = 40 * list(LABELS).index(split) + index
                example = {"image": np.full((5, 7, 3), shade, np.uint8), "label": label}
                yield index, example | ({"file": files(split, index)} if files else {})

    data_dir.mkdir(exist_ok=True)
    Shades(data_dir=data_dir, file_format=file_format).download_and_prepare()
    return f"tfds:shades@{data_dir}"


def shown(encoded):
    """Returns the split and number that a picture was written under."""
    shade = int(np.asarray(Image.open(io.BytesIO(encoded)))[0, 0, 0])
    return list(LABELS)[shade // 40], shade % 40


def assert_reads_foreign(store):
    paths = Catalog(tuple(store.members()), {"all": store.members()}).examples("all")[0]
    order = [path.split("-")[1] for path in paths if "/train-" in path]
    assert order != sorted(order), "the request must not be in the order of the files"
    dataset = store.encoded(paths)
    assert len(dataset) == len(paths) == 37
    pictures = [encoded for _, encoded in dataset.as_numpy_iterator()]
    assert len(set(pictures)) == 37
    for path, picture in zip(paths, pictures, strict=True):
        split, index = shown(picture)
        assert path.startswith(f"{CLASS_NAMES[LABELS[split][index]]}/{split}-")
    assert store.read(paths[5]) == pictures[5]
    assert [encoded for _, encoded in store.encoded(paths[::-3])] == pictures[::-3]


@pytest.mark.parametrize("file_format", FORMATS)
def test_foreign_data_in_another_order_is_put_in_ours(tmp_path, file_format):
    store = TfdsStore(write_foreign(tmp_path, file_format=file_format))
    members, official = store.members(), store.official()
    assert {name: len(paths) for name, paths in members.items()} == {
        "amber": 13, "moss": 12, "zinc": 12,
    }  # fmt: skip
    assert {split: sum(map(len, official[split].values())) for split in SPLITS} == {
        "train": 30, "valid": 3, "test": 4,
    }  # fmt: skip
    assert_reads_foreign(store)


def test_data_without_three_splits_has_no_official_one(tmp_path):
    store = TfdsStore(write_foreign(tmp_path, names=("train", "test")))
    assert store.official() is None
    assert sum(map(len, store.members().values())) == 34


def test_names_of_files_count_when_they_serve(tmp_path):
    def good(split, index):
        return f"{CLASS_NAMES[LABELS[split][index]]}/{split}/{index}.png"

    def repeated(split, index):
        return f"{CLASS_NAMES[LABELS[split][index]]}/x.png"

    def flat(split, index):
        return f"{split}{index}.png"

    cases = {"good": good, "flat": flat, "repeated": repeated}
    first = {
        name: TfdsStore(write_foreign(tmp_path / name, files=files)).members()["zinc"][0]
        for name, files in cases.items()
    }
    assert first["good"] == "zinc/test/3.png"
    assert first["flat"] == first["repeated"]
    assert first["flat"].startswith("zinc/test-")


def test_pictures_of_floats_are_refused(tmp_path):
    features = {
        "image": tfds.features.Image(shape=(4, 4, 1), dtype=np.float32),
        "label": tfds.features.ClassLabel(names=CLASS_NAMES),
    }
    examples = tf.data.Dataset.from_tensors({"image": np.zeros((4, 4, 1), "f"), "label": 0})
    tfds.dataset_builders.store_as_tfds_dataset(
        "floats", "1.0.0", data_dir=tmp_path, split_datasets={"train": examples},
        features=tfds.features.FeaturesDict(features),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"Image of integers.*image \(Image\)"):
        TfdsStore(f"tfds:floats@{tmp_path}")


def test_files_of_another_format_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be tfrecord or array_record\. Received: parquet"):
        TfdsStore(write_foreign(tmp_path, file_format="parquet"))


@pytest.mark.slow
def test_what_is_too_large_to_order_in_memory_names_a_command_that_helps(tmp_path, monkeypatch):
    pytest.importorskip("mlcroissant", reason="the tfds command imports it; pip install -e .[dev]")
    location = write_foreign(tmp_path)
    monkeypatch.setattr(tfds_records, "MEMORY_LIMIT_BYTES", 100)
    store = TfdsStore(location)
    paths = [path for paths in store.members().values() for path in paths]
    with pytest.raises(ValueError, match="that may be held in memory") as caught:
        store.encoded(paths)
    command = re.search(r"tfds (convert_format .*)", str(caught.value))[1]
    subprocess.run(
        [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", *shlex.split(command)],
        check=True,
    )
    assert_reads_foreign(TfdsStore(location))
