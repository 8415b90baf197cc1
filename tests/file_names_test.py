"""File names that are no text, hold control characters or are otherwise odd, in every verb."""

import csv
import json
import os

import numpy as np
import pytest

import trash_keras as tk
from tests.support import builders
from trash_keras.batch import predict as batch_predict
from trash_keras.batch import shards
from trash_keras.data import pipeline, splits, validation
from trash_keras.data.catalog import Catalog, scan, single_split
from trash_keras.data.readers import base
from trash_keras.data.sources.prepare import Request
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import html
from trash_keras.storage import checksums, local, remote
from trash_keras.tracking.fingerprint import dataset_fingerprint

ODD = (
    b"caf\xe9.png", b"\xff\xfe.png", b"line\nbreak.png", b"back\rto start.png",
    b"\x1b]0;title\x07.png", b"tab\t, \"comma\".png", "ö".encode() * 120 + b".png",
    "o\u0308 \U0001f600 \u202egnp.png".encode(), b" blank .png", b"$x^2_{.png", b"%s {0} <b>.png",
)  # fmt: skip


def rename(data, class_name="red"):
    """Gives the images of a class odd names; returns those."""
    files = sorted((data / class_name).iterdir())
    for file, name in zip(files, ODD, strict=False):
        os.rename(file, os.path.join(os.fsencode(data / class_name), name))
    return [f"{class_name}/{os.fsdecode(name)}" for name in ODD[: len(files)]]


@pytest.fixture(scope="module")
def odd_data(tmp_path_factory):
    data = builders.write_solid(tmp_path_factory.mktemp("odd") / "data")
    return data, rename(data)


def test_a_run_and_its_report_hold_every_image(odd_data, configure, toy_backbone, tmp_path):
    from trash_keras.training.trainer import train_and_evaluate

    data, odd = odd_data
    config = configure(data, toy_backbone, head_epochs=1, finetune_epochs=0)
    report = train_and_evaluate(config, tmp_path / "run", "train \udce9")
    catalog = Catalog.load(tmp_path / "run" / "catalog.json")
    assert {*odd} <= {*catalog.paths()}
    assert not catalog.bad_files and report["run"]["command"] == "train \udce9"
    for page in ("report.html", "MODEL_CARD.md"):
        assert "\x1b" not in (tmp_path / "run" / page).read_text(encoding="utf-8")
    found = tk.evaluate(tmp_path / "run" / "model.keras", data, tmp_path / "scores")
    assert found["all"]["examples"] == 36 and not found["bad_files"]
    assert {*odd} <= {*Predictions.load(tmp_path / "scores" / "predictions" / "all.csv").paths}


@pytest.mark.parametrize("data_format", ["tfrecord", "array_record"])
def test_shards_keep_names(odd_data, tmp_path, data_format):
    data, odd = odd_data
    shards.write_shards(Request(str(data)), tmp_path, shards.Layout(data_format, 2, 10))
    reader = base.open_reader(tmp_path, data_format)
    assert reader.files_by_class() == scan(data)
    assert reader.read(odd[0]) == (data / odd[0]).read_bytes()


def test_all_is_read_hashed_and_cached(odd_data, tmp_path):
    data, _ = odd_data
    reader, catalog = base.open_reader(data), splits.split(data, "stratified")
    assert validation.verify_images(reader, catalog.paths(), 50) == {}
    assert dataset_fingerprint(catalog, reader)["images"]["train"] > 20
    whole = pipeline.Split(single_split(scan(data)), "all", reader, 16)
    images = pipeline.load_split(whole, cache_dir=tmp_path / "cache")
    for _ in range(2):
        assert len(list(images)) == 36


def test_a_bad_file_is_named_and_left_out_whatever_its_name(odd_data, tmp_path):
    data = builders.write_solid(tmp_path / "data", per_class=8)
    bad = "red/" + os.fsdecode(b"b\xe4d\n.png")
    (data / bad).write_bytes(b"no image")
    catalog, reader = splits.split(data, "stratified"), base.open_reader(data)
    with pytest.raises(ValueError, match="1 of 25 files cannot be decoded"):
        validation.keep_decodable(catalog, reader, "error", 50)
    kept = validation.keep_decodable(catalog, reader, "skip", 50)
    kept.save(tmp_path / "catalog.json")
    assert Catalog.load(tmp_path / "catalog.json").bad_files == (bad,)


def test_predictions_are_a_table_again(tmp_path):
    paths = [os.fsdecode(name) for name in ODD]
    rows = np.full((len(paths), 2), 0.5)
    saved = Predictions(("a", "b"), paths, np.zeros(len(paths), int), rows)
    saved.save(tmp_path / "x.csv")
    assert Predictions.load(tmp_path / "x.csv").paths == paths
    with open(tmp_path / "x.csv", encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert len(list(csv.reader(file))) == len(paths) + 1


def test_a_job_answers_for_every_file(odd_data, trained, tmp_path):
    data, odd = odd_data
    pytest.importorskip("apache_beam", reason="needs the extra beam: make beam")
    files = [*(str(data / name) for name in odd), "zero\0byte.png", "no such \udcff\x1b.png"]
    model = str(trained[0] / "model.keras")
    counts = batch_predict.predict_images(model, files, tmp_path)
    assert (counts["predictions"], counts["errors"]) == (len(odd), 2)


def test_predict_never_raises_for_a_name(odd_data, capsys):
    data, odd = odd_data
    classifier = tk.load()
    found = list(classifier.predict_stream([*(data / name for name in odd), "zero\0byte.jpg"]))
    assert [bool(each.error) for each in found] == [False] * len(odd) + [True]
    for each in found:
        assert json.loads(json.dumps(each.to_dict()))["file"] == each.file
        assert "\x1b" not in repr(each)
        repr(each).encode("utf-8")


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_any_locale_prints_a_line_a_file(odd_data, script, locale, form):
    data, _ = odd_data
    done = script(
        "predict", f"--format={form}", data / "red", "gone\x1b\u2028\udce9.png",
        fresh=True, text=False, env=os.environ | locale,
    )  # fmt: skip
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 12, done.stdout
    assert done.stderr.splitlines()[-1].startswith(b"error: gone\\x1b")
    assert not {*done.stdout, *done.stderr} & {*range(9), *range(11, 32), 127}


def test_pages_show_odd_names_as_escapes(tmp_path):
    html.write(tmp_path / "x.html", "<p>{{ name }}</p>\n", name="caf\udce9\x1b<b>\0\u202e")
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == (
        "<p>caf\\xe9\\x1b&lt;b&gt;\\x00\\u202e</p>"
    )


def test_tables_of_weights_and_biases_take_odd_names():
    wandb_tables = pytest.importorskip("trash_keras.tracking.wandb_tables", reason="needs wandb")
    paths = [os.fsdecode(name) for name in ODD]
    found = Predictions(("a", "b"), paths, np.zeros(len(paths), int), np.full((len(paths), 2), 0.5))
    table = wandb_tables.entries("test", found, lambda files: {})["test/images"]
    for row in table.data:
        assert row[0].encode("utf-8").decode().isprintable() or "\u0308" in row[0]


def test_folders_with_odd_names_have_a_checksum_and_take_long_names(tmp_path):
    (tmp_path / "saved").mkdir()
    before = remote.checksum(tmp_path / "saved")
    (tmp_path / "saved" / os.fsdecode(b"\xe9")).touch()
    assert remote.checksum(tmp_path / "saved") != before
    for long in ("n" * 250 + ".json", "ö" * 125 + ".json", "n" * 238 + ".json"):
        for text in ("{}", "[]"):
            local.write_text(tmp_path / long, text, checked=True)
            checksums.require(tmp_path / long)
        (tmp_path / long).write_text("{")
        assert not checksums.is_whole(tmp_path / long)
        local.remove(tmp_path / long)
    assert os.listdir(tmp_path) == ["saved"]


def test_an_audit_names_every_file(odd_data, tmp_path):
    pytest.importorskip("imagehash", reason="needs the extra audit")
    from trash_keras.data.audit import audit, duplicates
    from trash_keras.reporting import audit_page

    data, _ = odd_data
    thresholds = duplicates.Thresholds(10, 0.85, 0.8)
    findings = audit.audit(audit.read_catalog(data), data, thresholds)
    audit_page.write(findings, tmp_path, data, "audit", tmp_path / "groups.json")
    assert findings["summary"]["files"] == 36
    assert "\x1b" not in (tmp_path / "audit.html").read_text(encoding="utf-8")


def test_folders_that_libraries_cannot_open_are_refused_by_name(tmp_path, data_dir):
    from trash_keras.exporters.exporter import export

    odd = tmp_path / os.fsdecode(b"r\xe9")
    (odd / "saved").mkdir(parents=True)
    message = r"names in UTF-8.* Received: .*r\\xe9"
    with pytest.raises(ValueError, match=message):
        export(odd, ["dynamic"])
    with pytest.raises(ValueError, match=message):
        shards.write_shards(Request(str(data_dir)), odd, shards.Layout("tfrecord", 1, 10))
    with pytest.raises(ValueError, match=message):
        base.open_reader(odd, "tfrecord")
    for model in ("saved", "model.tflite"):
        with pytest.raises(ValueError, match=message):
            tk.load(odd / model)
