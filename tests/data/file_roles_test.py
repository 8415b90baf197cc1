"""Every flag that takes a file says what it is where another kind of file is given."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from trash_keras.data import file_roles
from trash_keras.metadata import ModelMetadata
from trash_keras.storage import local

METADATA = ModelMetadata(("a", "b"), 32, "stretch")


@pytest.fixture
def files(tmp_path):
    """A file or folder of each role, as small as it can be."""
    made = tmp_path / "made"
    made.mkdir()

    def text(name, content):
        (made / name).write_text(content, encoding="utf-8")
        return made / name

    def archive(name, *members):
        with zipfile.ZipFile(made / name, "w") as file:
            for member in members:
                file.writestr(member, "{}")
        return made / name

    lite = made / "lite.tflite"
    lite.write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
    ours = made / "ours.tflite"
    ours.write_bytes(lite.read_bytes())
    METADATA.embed(ours)
    weights, photo, other = made / "x.h5", made / "photo", made / "other.bin"
    weights.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    Image.new("RGB", (8, 8), "red").save(photo, "PNG")
    other.write_bytes(bytes(range(256)) * 4)
    for folder, inside in (("run", "report.json"), ("saved/3", "saved_model.pb"), ("empty", "x")):
        (made / folder).mkdir(parents=True)
        (made / folder / inside).touch()
    (made / "run" / "model.keras").touch()
    (made / "nothing.txt").touch()
    (made / "run" / "catalog.json").touch()
    catalog = {"class_names": ["a"], "splits": {"train": {"a": []}}, "bad_files": []}
    return {
        "classifier": archive("model.keras", "config.json", "model.weights.h5", "trash_keras.json"),
        "keras": archive("backbone.keras", "config.json", "model.weights.h5"),
        "archive": archive("images.zip", "a/1.jpg"),
        "tflite": lite, "exported": ours, "hdf5": weights, "image": photo, "binary": other,
        "catalog": text("catalog.json", json.dumps(catalog)),
        "groups": text("groups.json", '{"groups": [], "evidence": {}}'),
        "audit": text("audit.json", '{"doubtful_labels": null, "groups": []}'),
        "report": text("report.json", '{"class_names": ["a"], "test": {}}'),
        "config": text("config.json", json.dumps(
            {section: {} for section in ("data", "model", "training", "runtime")})),
        "json": text("map.json", '{"bottle": "glass"}'),
        "predictions": text("test.csv", "file,truth,prediction,a\nx,a,a,1\n"),
        "csv": text("slices.csv", "\ufefffile;subset\na/1.jpg;x\n"),
        "flags": text("all.flags", "\n--seed=3\n"),
        "variants": text("variants.txt", "small: --image_size=64\n"),
        "text": text("names.txt", "a/1.jpg\na/2.jpg\n"),
        "empty": made / "nothing.txt", "run": made / "run",
        "saved_model": made / "saved", "folder": made / "empty",
    }  # fmt: skip


def test_every_role_is_recognized_by_content(files):
    assert {role: file_roles.identify(path) for role, path in files.items()} == {
        role: role for role in files
    }
    assert set(file_roles.ROLES) == {*files, "onnx"}


@pytest.mark.parametrize("flag", file_roles.TAKES)
def test_a_flag_takes_its_roles_and_refuses_all_others_in_one_line(files, flag):
    roles, _ = file_roles.TAKES[flag]
    for role, path in files.items():
        if role in roles:
            file_roles.require(flag, path)
            continue
        with pytest.raises(ValueError, match=f"^--{flag} takes .*Received: ") as caught:
            file_roles.require(flag, path)
        assert str(path) in str(caught.value) and file_roles.ROLES[role][0] in str(caught.value)
        assert "\n" not in str(caught.value)
    file_roles.require(flag, "gone")  # what reads it says that it is gone


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_texts_of_windows_are_recognized(files, tmp_path, encoding):
    for role in ("catalog", "json", "predictions", "csv", "flags", "variants", "text"):
        text = files[role].read_text(encoding="utf-8-sig")
        (tmp_path / "again").write_text(text, encoding=encoding)
        assert file_roles.identify(tmp_path / "again") == role


def test_the_right_flag_is_named(files):
    with pytest.raises(ValueError, match=re.escape("for --model, --init or --teacher.")):
        file_roles.require("weights", files["classifier"])
    with pytest.raises(ValueError, match=r"; name .*run.model\.keras\.$"):
        file_roles.require("model", files["run"])
    with pytest.raises(ValueError, match=r"; name .*run.catalog\.json\.$"):
        file_roles.require("catalog", files["run"])


def test_a_file_of_another_kind_is_not_written_over(files):
    file_roles.require_target("groups", files["groups"], ("groups",))
    file_roles.require_target("groups", files["run"] / "new.json", ("groups",))
    for role, words in (("folder", "a folder"), ("catalog", "would be lost"),
                        ("classifier", "would be lost")):  # fmt: skip
        with pytest.raises(ValueError, match=f"^--groups takes a file to write.*{words}"):
            file_roles.require_target("groups", files[role], ("groups",))
    with pytest.raises(ValueError, match=r"^--groups takes a folder.*is a file"):
        file_roles.require_target("groups", files["image"] / "x.json", ("groups",))


def test_a_folder_is_not_made_below_a_file(files, tmp_path):
    for path in ("", "gs://bucket/x", tmp_path / "new" / "deep", files["folder"]):
        local.require_folder("workdir", path)
    for path in (files["report"], files["image"] / "below" / "it"):
        with pytest.raises(ValueError, match=r"^--workdir takes a folder.* is a file\.$"):
            local.require_folder("workdir", path)


def test_flag_files_of_another_kind_are_refused(files, script):
    for role in ("image", "report", "classifier", "folder"):
        done = script("train", f"--flagfile={files[role]}")
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        assert "--flagfile takes a text file" in done.stderr


@pytest.mark.parametrize(
    ("verb", "flags", "words"),
    [
        ("predict", ("--model={report}", "x.jpg"), "--model takes"),
        ("predict", ("--model={keras}", "x.jpg"), "--model takes .*for --backbone"),
        ("predict", ("--model={run}", "x.jpg"), "--model takes .*name .*model.keras"),
        ("predict", ("--paths_file={image}",), "--paths_file takes"),
        ("predict", ("--explain={csv}", "x.jpg"), "--explain takes a folder"),
        ("serve", ("--model={tflite}", "--port=0"), "--model takes"),
        ("demo", ("--model={keras}", "--port=0"), "--model takes"),
        ("benchmark", ("{keras}",), "--model takes"),
        ("benchmark", ("{exported}", "--output={exported}"), "would be lost"),
        ("evaluate", ("--model={keras}", "--data_dir=d", "--output=o"), "--model takes"),
        ("evaluate", ("--model=m", "--data_dir=d", "--output={csv}"), "--output takes a folder"),
        ("export", ("--workdir={classifier}",), "--workdir takes a folder"),
        ("train", ("--data_dir={archive}", "--workdir={folder}/new"), "--data_dir takes a folder"),
        ("train", ("--data_dir=d", "--workdir={csv}"), "--workdir takes a folder"),
        ("audit", ("--data_dir=d", "--output={csv}"), "--output takes a folder"),
        ("audit", ("--data_dir=d", "--output=o", "--groups={catalog}"), "would be lost"),
        ("audit", ("--data_dir=d", "--output=o", "--catalog={report}"), "--catalog takes"),
        ("ablate", ("--data_dir=d", "--variants={flags}"), "--variants takes .*--flagfile"),
        ("compare", ("a", "b", "--output={csv}"), "--output takes a folder"),
    ],
)  # fmt: skip
def test_verbs_say_which_flag_got_what(files, script, verb, flags, words):
    done = script(verb, *(flag.format(**files) for flag in flags))
    assert done.returncode in (1, 2) and len(done.stderr.splitlines()) == 1, done.stderr
    assert re.search(words, done.stderr), done.stderr


def test_a_model_whose_shapes_are_not_those_of_its_metadata_is_refused(tmp_path):
    import keras

    from trash_keras.predictor import Predictor, require_shapes

    require_shapes((None, 32, 32, 3), (None, 2), METADATA)
    for image, output in (((1, 96, 96, 3), (1, 2)), ((1, 32, 32, 3), (1, 1001)),
                          ((1, 32, 32, 1), (1, 2)), ((1, 32, 32, 3), (1, 2, 2))):  # fmt: skip
        with pytest.raises(ValueError, match="its metadata says"):
            require_shapes(image, output, METADATA)
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    model.save(tmp_path / "other.keras")
    METADATA.embed(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=r"cannot be loaded: its metadata says .*\[16, 16, 3\]"):
        Predictor.load(tmp_path / "other.keras")


@pytest.mark.parametrize("head", ["softmax", "sigmoid", "nested"])
def test_a_classifier_is_no_backbone(tmp_path, head):
    import keras

    from trash_keras.models import backbones

    inputs = keras.Input((16, 16, 3))
    features = keras.layers.GlobalAveragePooling2D()(inputs)
    activation = "sigmoid" if head == "sigmoid" else "softmax"
    model = keras.Model(inputs, keras.layers.Dense(3, activation=activation)(features))
    if head == "nested":
        outer = keras.Input((16, 16, 3))
        model = keras.Model(outer, model(outer))
    model.save(tmp_path / "x.keras")
    with pytest.raises(ValueError, match=r"must return features\. Received: a classifier"):
        backbones.build(str(tmp_path / "x.keras"), "imagenet", 16)


def test_slices_maps_groups_and_catalogs_of_another_kind(files):
    from trash_keras.data import label_maps
    from trash_keras.metrics import slices

    with pytest.raises(ValueError, match=r"--label_map takes .*a catalog of splits for --catalog"):
        label_maps.read(files["catalog"], ["a"])
    with pytest.raises(ValueError, match=r"--slices takes .*a file of near-duplicates"):
        slices.load(str(files["groups"]), ["a/1.jpg"])
    encoded = io.BytesIO()
    np.savez(encoded, np.zeros(3))
    (files["folder"] / "x.npz").write_bytes(encoded.getvalue())
    with pytest.raises(ValueError, match=r"--slices takes .*an archive"):
        slices.load(f"{files['folder'] / 'x.npz'}:subset", ["a/1.jpg"])
