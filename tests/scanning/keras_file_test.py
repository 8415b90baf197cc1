"""A `.keras` file from elsewhere is looked at before Keras loads it."""

import io
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tests.support.hostile_models import first_layer, rewrite_zip, with_config
from trash_keras.models import backbones, classifier
from trash_keras.predictor import Predictor
from trash_keras.scanning import keras_classes, keras_file


def refused(path, reason):
    with pytest.raises(ValueError, match=reason):
        Predictor.load(path)
    with pytest.raises(ValueError, match=reason):  # --init, --teacher, saliency maps
        classifier.load_classifier(path)
    with pytest.raises(ValueError, match=reason):  # --backbone
        backbones._from_file(str(path), 16, fresh=False)


class Payload:
    """Would write a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def pickles(path):
    content = io.BytesIO()
    np.savez(content, Payload(path))
    return content.getvalue()


@pytest.mark.parametrize(
    "name",
    ["../outside.txt", "/tmp/outside.txt", "..\\outside.txt", "assets/x.txt", "sub/config.json",
     "model.weights.npz", "weights.pkl", "module.py", "model.weights.h5 ", "\x1b[31mred"],
)  # fmt: skip
def test_members_are_those_of_keras_and_this_package(good, tmp_path, name):
    content = pickles(tmp_path / "ran") if name.endswith(("npz", "pkl")) else b"x"
    path = rewrite_zip(good / "model.keras", tmp_path / "model.keras", {name: content})
    refused(path, r'it holds ".*nothing else')
    assert not (tmp_path / "ran").exists()


def test_weights_in_place_of_hdf5_are_refused(good, tmp_path):
    changes = {"model.weights.h5": None, "model.weights.npz": pickles(tmp_path / "ran")}
    refused(rewrite_zip(good / "model.keras", tmp_path / "model.keras", changes), "it holds")
    refused(
        rewrite_zip(good / "model.keras", tmp_path / "less.keras", {"model.weights.h5": None}),
        "it lacks model.weights.h5",
    )
    assert not (tmp_path / "ran").exists()


def test_a_member_that_occurs_twice_is_refused(good, tmp_path):
    path = rewrite_zip(good / "model.keras", tmp_path / "model.keras", {})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    refused(path, "config.json more than once")


@pytest.mark.parametrize(
    ("member", "megabytes", "reason"),
    [
        ("model.weights.h5", 200, "zip bomb"),
        ("config.json", 65, "config.json in it has .* more than the"),
        ("metadata.json", 2, "metadata.json in it has .* more than the"),
        ("labels.txt", 17, "labels.txt in it has .* more than the"),
    ],
)
def test_sizes_are_bounded_before_anything_is_unpacked(good, tmp_path, member, megabytes, reason):
    bomb = {member: bytes(megabytes * 2**20)}
    path = tmp_path / "model.keras"
    rewrite_zip(good / "model.keras", path, bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    refused(path, reason)


@pytest.mark.parametrize(
    ("module", "name", "registered"),
    [
        ("keras.layers", "Lambda", None),
        ("keras.layers", "TFSMLayer", None),
        ("keras.layers", "TorchModuleWrapper", None),
        ("keras.layers", "StringLookup", None),
        ("keras.src.ops.core", "WhileLoop", None),
        ("builtins", "function", None),
        ("os", "system", None),
        ("trash_keras.data.augmentation.affine", "RandomAffine", "trash_keras>RandomAffine"),
        ("keras.layers", "Dense", "package>Dense"),
        (None, "__lambda__", None),
        (None, "__typespec__", None),
        (None, "Dense", None),
        (["keras.layers"], "Dense", None),
        ("keras.layers", ["Dense"], None),
    ],
)
def test_classes_are_keras_own_layers_that_only_compute(good, tmp_path, module, name, registered):
    def change(settings):
        first_layer(settings, "Conv2D").update(
            module=module, class_name=name, registered_name=registered
        )

    path = with_config(good / "model.keras", tmp_path / "model.keras", change)
    refused(path, "its config.json names .*not among Keras' own layers")


def test_an_optimizer_hidden_in_a_layer_is_refused(good, tmp_path):
    def change(settings):
        first_layer(settings, "Conv2D")["compile_config"] = {
            "optimizer": {"module": "keras.optimizers", "class_name": "Adam", "config": {}}
        }

    refused(with_config(good / "model.keras", tmp_path / "model.keras", change), "Adam")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: found["config"].update(padding="x" * 10), "cannot be|not a Keras model"),
        (lambda found: found.update(config="text"), "cannot be|not a Keras model"),
    ],
)
def test_a_configuration_that_keras_cannot_read_is_refused(good, tmp_path, change, reason):
    path = with_config(
        good / "model.keras",
        tmp_path / "model.keras",
        lambda settings: change(first_layer(settings, "Conv2D")),
    )
    refused(path, reason)


def test_weights_that_the_file_does_not_hold_are_never_made(tmp_path):
    image = keras.Input((16, 16, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 1)(image))
    keras.Model(image, features).save(tmp_path / "small.keras")
    path = with_config(
        tmp_path / "small.keras",
        tmp_path / "model.keras",
        lambda settings: first_layer(settings, "Conv2D")["config"].update(filters=10**9),
    )
    with pytest.raises(ValueError, match="describes 4000000000 weights, and the file has"):
        keras_file.load_model(path)
    with keras.StatelessScope():  # whose end would make what was left
        pass
    assert keras_file.load_model(tmp_path / "small.keras").count_params() == 16


def test_a_huge_activation_is_refused(tmp_path):
    image = keras.Input((16, 16, 3))
    large = keras.layers.UpSampling2D(1000)(image)
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(large))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="768000000 values for one image, more than"):
        keras_file.load_model(tmp_path / "model.keras")


def test_hdf5_that_points_elsewhere_is_refused(good, tmp_path):
    with zipfile.ZipFile(good / "model.keras") as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.ones((1, 1, 3, 2), np.float32)
    with h5py.File(content, "a") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if name.endswith("vars/0") else None)
        del file[found[0]]
        file[found[0]] = h5py.ExternalLink(str(secret), "kernel")
    path = tmp_path / "model.keras"
    rewrite_zip(good / "model.keras", path, {"model.weights.h5": content.getvalue()})
    refused(path, "cannot be loaded|not a Keras model")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(good, tmp_path, share):
    content = (good / "model.keras").read_bytes()
    path = tmp_path / "model.keras"
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "not a model of this project|takes a \\.keras|takes |cannot be|not a Keras model")


def test_a_folder_is_never_given_to_keras(good, tmp_path):
    with zipfile.ZipFile(good / "model.keras") as archive:
        archive.extractall(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="is no file"):
        keras_file.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="is no file"):
        keras_file.load_model("hf://somebody/model")


def test_what_runs_code_is_on_no_list():
    dangerous = {"Lambda", "TFSMLayer", "FlaxLayer", "JaxLayer", "TorchModuleWrapper", "function"}
    dangerous |= {"Map", "Scan", "WhileLoop", "Cond", "VectorizedMap", "ForiLoop", "Switch"}
    assert not dangerous.intersection(*[set().union(*keras_classes.ALLOWED.values())])
    for name in keras_classes.LAYERS:
        assert issubclass(getattr(keras.layers, name), keras.layers.Layer), name
