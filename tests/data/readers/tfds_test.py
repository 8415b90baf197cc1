import io
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets
from PIL import Image

from trash_keras.data import splits
from trash_keras.data.catalog import SPLITS, Catalog, scan, shuffle_key
from trash_keras.data.readers import tfds_records
from trash_keras.data.readers.tfds import TfdsReader
from trash_keras.data.trashnet import trashnet_dataset_builder

FORMATS = ("tfrecord", "array_record")


@pytest.fixture(scope="session", params=FORMATS)
def prepared(request, tmp_path_factory, tiny_trashnet):
    """A tfds data folder in which trashnet lies in several files a split."""
    data_dir = tmp_path_factory.mktemp(request.param)
    builder = trashnet_dataset_builder.Builder(data_dir=data_dir, file_format=request.param)
    builder.download_and_prepare(
        download_config=tensorflow_datasets.download.DownloadConfig(
            manual_dir=tiny_trashnet, num_shards=3
        )
    )
    return data_dir


@pytest.fixture
def reader(prepared):
    return TfdsReader(f"tfds:trashnet@{prepared}")


def assert_reads(reader, folder, paths):
    dataset = reader.encoded(paths)
    assert len(dataset) == len(paths)
    assert dataset.element_spec == (tf.TensorSpec((), tf.int64), tf.TensorSpec((), tf.string))
    assert list(dataset.as_numpy_iterator()) == [
        (position, (folder / path).read_bytes()) for position, path in enumerate(paths)
    ]


def test_files_and_splits_are_those_of_the_folder(reader, tiny_trashnet, tiny_catalog):
    assert reader.files_by_class() == scan(tiny_trashnet)
    assert list(reader.files_by_class()) == sorted(reader.files_by_class())
    assert reader.predefined_splits() == tiny_catalog.splits


@pytest.mark.parametrize("split", SPLITS)
def test_an_official_split_streams_in_order(reader, tiny_trashnet, tiny_catalog, split):
    assert_reads(reader, tiny_trashnet, tiny_catalog.examples(split)[0])


def test_everything_streams_in_order(reader, tiny_trashnet):
    paths = Catalog(tuple(reader.files_by_class()), {"all": reader.files_by_class()}).examples(
        "all"
    )[0]
    assert len(paths) == 2527
    assert_reads(reader, tiny_trashnet, paths)


@pytest.mark.parametrize("split", SPLITS)
def test_splits_of_ours_stream_from_all_of_theirs(reader, tiny_trashnet, split):
    ours = splits.split(tiny_trashnet, "stratified", seed=3)
    assert_reads(reader, tiny_trashnet, ours.examples(split)[0])


@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_a_few_images(reader, tiny_trashnet, tiny_catalog, count):
    paths = [path for split in SPLITS for path in tiny_catalog.examples(split)[0]]
    chosen = np.random.default_rng(count).choice(paths, count, replace=False)
    assert_reads(reader, tiny_trashnet, sorted(chosen.tolist(), key=shuffle_key))


def test_another_order_and_repeated_images_are_read_as_asked(reader, tiny_trashnet, tiny_catalog):
    paths = tiny_catalog.examples("valid")[0][::-1] + tiny_catalog.examples("train")[0][:5]
    assert_reads(reader, tiny_trashnet, paths + paths[:3])


def test_order_holds_in_a_pipeline_that_prefers_speed(reader, tiny_trashnet, tiny_catalog):
    paths = tiny_catalog.examples("train")[0][::2]
    options = tf.data.Options()
    options.deterministic = False
    got = reader.encoded(paths).with_options(options).as_numpy_iterator()
    assert [encoded for _, encoded in got] == [
        (tiny_trashnet / path).read_bytes() for path in paths
    ]


def test_a_second_pass_is_the_same(reader, tiny_trashnet, tiny_catalog):
    dataset = reader.encoded(tiny_catalog.examples("valid")[0])
    assert list(dataset.as_numpy_iterator()) == list(
        dataset.repeat(2).skip(328).as_numpy_iterator()
    )


def test_one_image(reader, tiny_trashnet):
    assert reader.read("trash/trash9.jpg") == (tiny_trashnet / "trash/trash9.jpg").read_bytes()
    with pytest.raises(ValueError, match=r"has no image 'trash/trash999\.jpg'"):
        reader.read("trash/trash999.jpg")


def test_record_files_are_not_handed_out_to_workers(reader, tiny_catalog):
    options = reader.encoded(tiny_catalog.examples("test")[0]).options()
    policy = options.experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.DATA


def test_data_is_prepared_when_it_is_not(tmp_path, tiny_archive, tiny_catalog, monkeypatch):
    manual_dir = tmp_path / "downloads" / "manual"
    manual_dir.mkdir(parents=True)
    (manual_dir / tiny_archive.name).symlink_to(tiny_archive)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert TfdsReader("tfds:trashnet:1.0.0").predefined_splits() == tiny_catalog.splits
    assert (tmp_path / "trashnet" / "1.0.0" / "dataset_info.json").is_file()


def test_with_no_network_the_ways_out_are_named(tmp_path, monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(ValueError, match="preparing it failed") as caught:
        TfdsReader(f"tfds:trashnet@{tmp_path}")
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
        ("tfds:no_such_images@{}", "knows no data set 'no_such_images'.*tfds:NAME@DATA_DIR"),
        ("tfds:trashnet:9.9.9@{}", r"cannot be opened: .*9\.9\.9"),
        ("tfds:imdb_reviews@{}", "Training needs the features image"),
    ],
)
def test_what_cannot_be_opened_is_refused_in_one_line(tmp_path, location, message):
    with pytest.raises(ValueError, match=message) as caught:
        TfdsReader(location.format(tmp_path))
    assert "\n" not in str(caught.value)


# External data sets, in an order of their own.

CLASS_NAMES = ["zinc", "amber", "moss"]  # not alphabetical, as external labels may be
LABELS = {"train": [0, 1, 2] * 10, "validation": [2, 1, 0], "test": [1, 1, 2, 0, -1]}


def write_external(data_dir, *, file_format="tfrecord", names=tuple(LABELS), files=None):
    """Prepares grey images, brighter by split and number; `files` gives each its `file`."""

    class Shades(tensorflow_datasets.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tensorflow_datasets.core.Version("2.0.0")
        pkg_dir_path = data_dir

        def _info(self):
            features = {
                "image": tensorflow_datasets.features.Image(encoding_format="png"),
                "label": tensorflow_datasets.features.ClassLabel(names=CLASS_NAMES),
            } | ({"file": tensorflow_datasets.features.Text()} if files else {})
            return tensorflow_datasets.core.DatasetInfo(
                builder=self, features=tensorflow_datasets.features.FeaturesDict(features)
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
    """Returns the split and number that an image was written under."""
    shade = int(np.asarray(Image.open(io.BytesIO(encoded)))[0, 0, 0])
    return list(LABELS)[shade // 40], shade % 40


def assert_reads_external(reader):
    paths = Catalog(tuple(reader.files_by_class()), {"all": reader.files_by_class()}).examples(
        "all"
    )[0]
    order = [path.split("-")[1] for path in paths if "/train-" in path]
    assert order != sorted(order), "the request must not be in the order of the files"
    dataset = reader.encoded(paths)
    assert len(dataset) == len(paths) == 37
    images = [encoded for _, encoded in dataset.as_numpy_iterator()]
    assert len(set(images)) == 37
    for path, image in zip(paths, images, strict=True):
        split, index = shown(image)
        assert path.startswith(f"{CLASS_NAMES[LABELS[split][index]]}/{split}-")
    assert reader.read(paths[5]) == images[5]
    assert [encoded for _, encoded in reader.encoded(paths[::-3])] == images[::-3]


@pytest.mark.parametrize("file_format", FORMATS)
def test_external_data_in_another_order_is_put_in_ours(tmp_path, file_format):
    reader = TfdsReader(write_external(tmp_path, file_format=file_format))
    files_by_class, official = reader.files_by_class(), reader.predefined_splits()
    assert {name: len(paths) for name, paths in files_by_class.items()} == {
        "amber": 13, "moss": 12, "zinc": 12,
    }  # fmt: skip
    assert {split: sum(map(len, official[split].values())) for split in SPLITS} == {
        "train": 30, "valid": 3, "test": 4,
    }  # fmt: skip
    assert_reads_external(reader)


def test_data_without_three_splits_has_no_official_one(tmp_path):
    reader = TfdsReader(write_external(tmp_path, names=("train", "test")))
    assert reader.predefined_splits() is None
    assert sum(map(len, reader.files_by_class().values())) == 34


def test_file_names_are_used_where_they_are_unique_and_begin_with_the_class(tmp_path):
    def good(split, index):
        return f"{CLASS_NAMES[LABELS[split][index]]}/{split}/{index}.png"

    def repeated(split, index):
        return f"{CLASS_NAMES[LABELS[split][index]]}/x.png"

    def flat(split, index):
        return f"{split}{index}.png"

    cases = {"good": good, "flat": flat, "repeated": repeated}
    first = {
        name: TfdsReader(write_external(tmp_path / name, files=files)).files_by_class()["zinc"][0]
        for name, files in cases.items()
    }
    assert first["good"] == "zinc/test/3.png"
    assert first["flat"] == first["repeated"]
    assert first["flat"].startswith("zinc/test-")


def test_images_of_floats_are_refused(tmp_path):
    features = {
        "image": tensorflow_datasets.features.Image(shape=(4, 4, 1), dtype=np.float32),
        "label": tensorflow_datasets.features.ClassLabel(names=CLASS_NAMES),
    }
    examples = tf.data.Dataset.from_tensors({"image": np.zeros((4, 4, 1), "f"), "label": 0})
    tensorflow_datasets.dataset_builders.store_as_tfds_dataset(
        "floats", "1.0.0", data_dir=tmp_path, split_datasets={"train": examples},
        features=tensorflow_datasets.features.FeaturesDict(features),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"Image of integers.*image \(Image\)"):
        TfdsReader(f"tfds:floats@{tmp_path}")


def test_files_of_another_format_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must be tfrecord or array_record\. Received: parquet"):
        TfdsReader(write_external(tmp_path, file_format="parquet"))


@pytest.mark.slow
def test_what_is_too_large_to_order_in_memory_names_a_command_that_helps(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam", reason="needs the extra beam: make beam")
    pytest.importorskip("mlcroissant", reason="the tfds command imports it; pip install '.[dev]'")
    location = write_external(tmp_path)
    monkeypatch.setattr(tfds_records, "MEMORY_LIMIT_BYTES", 100)
    reader = TfdsReader(location)
    paths = [path for paths in reader.files_by_class().values() for path in paths]
    with pytest.raises(ValueError, match="that may be held in memory") as caught:
        reader.encoded(paths)
    command = re.search(r"tfds (convert_format .*)", str(caught.value))[1]
    subprocess.run(
        [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", *shlex.split(command)],
        check=True,
    )
    assert_reads_external(TfdsReader(location))
