import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from trash_keras.data import pipeline
from trash_keras.metadata import ModelMetadata
from trash_keras.metrics.calibration import apply_temperature
from trash_keras.models import classifier
from trash_keras.storage import remote
from trash_keras.training import distillation, run_data, trainer
from trash_keras.training.checkpoint import CheckpointManager
from trash_keras.training.distillation import DistillationTargets, Teacher

pytestmark = pytest.mark.long

CLASSES = ("blue", "green", "red")


def write_teacher(folder, names=CLASSES, side=16):
    """Writes a model.keras; `names` is what it calls images that are mostly blue, green, red."""
    image = keras.Input((side, side, 3))
    mean = keras.layers.GlobalAveragePooling2D()
    scaled = keras.layers.Rescaling(1 / 50)(image)
    model = classifier.build(keras.Model(image, mean(scaled)), 3)
    strongest = np.zeros((3, 3))
    for channel, name in zip((2, 1, 0), names, strict=True):
        strongest[channel, CLASSES.index(name)] = 1
    model.get_layer(classifier.LOGITS).set_weights([strongest, np.zeros(3)])
    folder.mkdir(exist_ok=True)
    trainer.save_model(model, ModelMetadata(CLASSES, side, "stretch"), folder)
    path = folder / "model.keras"
    return Teacher(str(path), remote.checksum(path), side)


@pytest.fixture
def examples():
    """Ten images of noise of 24 px, with labels 0, 1, 2, 0..."""
    noise = np.random.default_rng(0).integers(0, 256, (10, 24, 24, 3), dtype=np.uint8)
    labels = np.eye(3, dtype="float32")[np.arange(10) % 3]
    return tf.data.Dataset.from_tensor_slices((noise, labels))


@pytest.fixture
def targets_of(examples, configure, tmp_path):
    """Makes `DistillationTargets`, and batches of 4 that its student sees in epochs 2 and 3."""

    def make(*sides, **changes):
        sides = sides or (24,)
        config = configure("data", "toy", **{"batch_size": 4, "rotation": 90.0} | changes)
        folders = {
            tmp_path / f"predictions-{side}": write_teacher(tmp_path / str(side), names, side)
            for side, names in zip(sides, (CLASSES, CLASSES[::-1]), strict=False)
        }
        augment = run_data.augment(config)
        batches = pipeline.make_train_dataset(
            examples, batch_size=4, seed=0, first_epoch=2, last_epoch=4,
            augment=run_data.resized(augment, 16),
        )  # fmt: skip
        return DistillationTargets(folders, config, examples, augment), batches

    return make


def together(batches):
    return [np.concatenate(parts) for parts in zip(*batches.as_numpy_iterator(), strict=True)]


@pytest.mark.parametrize("side", [24, 20])
def test_the_teacher_predicts_the_very_views_of_the_student(targets_of, examples, side):
    made, batches = targets_of(side)
    images, targets = together(made.mix(batches, 2, 4))
    seen = pipeline.make_train_dataset(
        examples, batch_size=4, seed=0, first_epoch=2, last_epoch=4,
        augment=run_data.resized(made.augment, side),
    )  # fmt: skip
    views, labels = together(seen)
    (teacher,) = made.folders.values()
    model = classifier.load_classifier(teacher.path)
    np.testing.assert_allclose(targets, model.predict(views, verbose=0), atol=1e-6)
    # The student has the same views at 16 px, in another order each epoch.
    assert images.shape == (24, 16, 16, 3) and len(np.unique(targets[:, 0].round(5))) > 20
    np.testing.assert_array_equal(images, together(batches)[0])
    assert (labels.argmax(axis=1) != targets.argmax(axis=1)).any()


def test_several_teachers_give_the_mean_of_their_softened_predictions(targets_of):
    made, batches = targets_of(24, 20, distillation_temperature=2.0)
    images, targets = together(made.mix(batches, 2, 4))
    each = [
        apply_temperature(
            np.concatenate([np.load(folder / f"epoch-{epoch:04d}.npy") for epoch in (2, 3)]), 2.0
        )
        for folder in made.folders
    ]
    np.testing.assert_allclose(targets, np.mean(each, axis=0), atol=1e-6)
    assert abs(each[0] - targets).max() > 1e-3
    np.testing.assert_array_equal(images, together(batches)[0])


def test_labels_are_smoothed_and_predictions_softened_before_they_are_mixed(targets_of):
    made, batches = targets_of(
        distillation_alpha=0.75, distillation_temperature=2.0, label_smoothing=0.3
    )
    raw = np.concatenate([together(targets_of()[0].mix(batches, 2, 4))[1]])
    labels = together(batches)[1]
    _, targets = together(made.mix(batches, 2, 4))
    expected = 0.75 * apply_temperature(raw, 2.0) + 0.25 * (0.7 * labels + 0.1)
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


def test_shapes_are_static(targets_of):
    made, batches = targets_of()
    assert made.mix(batches, 2, 4).element_spec == (
        tf.TensorSpec((4, 16, 16, 3), tf.float32),
        tf.TensorSpec((4, 3), tf.float32),
    )


def test_only_what_is_missing_is_predicted(targets_of, monkeypatch):
    made, batches = targets_of()
    first = together(made.mix(batches, 2, 4))[1]
    (folder,) = made.folders
    (folder / "epoch-0003.npy").unlink()
    filled, fill = [], distillation.features.fill

    def noting(rows, network, seen, batch_size, description):
        filled.append(description)
        fill(rows, network, seen, batch_size, description)

    monkeypatch.setattr(distillation.features, "fill", noting)
    np.testing.assert_array_equal(together(made.mix(batches, 2, 4))[1], first)
    assert filled == ["Teacher, epoch 4"]
    monkeypatch.setattr(keras.models, "load_model", None)
    made.mix(batches, 2, 4)


def test_students_share_predictions_if_they_see_the_same(configure, tmp_path):
    teacher = Teacher("model.keras", "abc", 24)

    def folder(locations=("a", "b"), teacher=teacher, more=(), **changes):
        config = configure("data", "toy", **{"cache_dir": str(tmp_path)} | changes)
        size = distillation.view_size([teacher, *more], config)
        return distillation.predictions_folder(teacher, config, tmp_path / "run", locations, size)

    first = folder()
    assert first.parent == tmp_path
    for changes in ({"image_size": 20}, {"distillation_alpha": 0.5}, {"dropout": 0.5}):
        assert folder(**changes) == first, changes
    assert folder(more=[Teacher("other.keras", "abd", 20)]) == first
    others = [
        folder(("b", "a")), folder(teacher=Teacher("model.keras", "abd", 24)), folder(seed=1),
        folder(more=[Teacher("other.keras", "abd", 32)]), folder(batch_size=4), folder(zoom=0.3),
        folder(resize="crop"),
    ]  # fmt: skip
    assert len({first, *others}) == 8
    assert folder(image_size=32) == others[3]
    assert folder(cache_dir="") == tmp_path / "run" / "backup" / "teacher-abc"


def rows(workdir):
    with (workdir / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def student(data_dir, toy_backbone, configure, tmp_path):
    """Makes the configuration of a student whose teacher takes blue for green and so on."""
    teacher = write_teacher(tmp_path / "teacher", ("green", "red", "blue"), side=24)
    flags = {"head_epochs": 0, "finetune_epochs": 8, "finetune_learning_rate": 0.03,
             "brightness": 0.0, "teacher": teacher.path}  # fmt: skip
    return lambda **changes: configure(data_dir, toy_backbone, **flags | changes)


def test_a_student_follows_its_teacher_as_far_as_its_share_goes(student, tmp_path):
    trainer.train_and_evaluate(student(), tmp_path / "follows")
    last = rows(tmp_path / "follows")[-1]
    assert float(last["accuracy"]) > 0.9  # agrees with the teacher
    assert float(last["val_accuracy"]) == 0  # which is never right
    report = trainer.train_and_evaluate(student(distillation_alpha=0.0), tmp_path / "labels")
    assert report["valid"]["accuracy"] == 1


def test_a_broken_run_ends_like_an_unbroken_one(student, tmp_path, monkeypatch):
    config = student(finetune_epochs=3, ema_momentum=0.9)
    report = trainer.train_and_evaluate(config, tmp_path / "whole")
    (known,) = json.loads((tmp_path / "whole" / "teachers.json").read_text())
    assert [known["sha256"]] == report["run"]["teacher_sha256"]
    add = CheckpointManager.add

    def breaking(self, phase, model, row):
        if row["epoch"] == 1:
            raise KeyboardInterrupt
        add(self, phase, model, row)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CheckpointManager, "add", breaking)
        trainer.train_and_evaluate(config, tmp_path / "broken")
    predictions = tmp_path / "broken" / "backup" / f"teacher-{known['sha256'][:16]}"
    assert len(list(predictions.glob("[!.]*"))) == 3
    (predictions / "epoch-0002.npy").unlink()  # killed while the teacher predicted
    trainer.train_and_evaluate(config, tmp_path / "broken")
    for name in ("metrics.csv", "predictions/test.csv", "teachers.json"):
        whole, broken = ((tmp_path / run / name).read_bytes() for run in ("whole", "broken"))
        assert whole == broken, name
    assert not (tmp_path / "broken" / "backup").exists()


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_a_resumed_run_refuses_another_teacher(student, tmp_path, monkeypatch):
    config = student()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(DistillationTargets, "mix", interrupt)
        trainer.train_and_evaluate(config, tmp_path / "run")
    write_teacher(tmp_path / "teacher", ("red", "green", "blue"))
    with pytest.raises(ValueError, match="began with another teacher"):
        trainer.train_and_evaluate(config, tmp_path / "run")
