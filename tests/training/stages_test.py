import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from trash_keras.config import ModelConfig, TrainingConfig
from trash_keras.data import pipeline, splits
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.training import stages
from trash_keras.training.checkpoint import CheckpointManager
from trash_keras.training.features import Cache
from trash_keras.training.stages import Phase, Recipe, RunData

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2]], "float32")
LABELS = np.array([0, 1, 2, 2])


@pytest.mark.parametrize(
    ("head", "finetune", "from_scratch", "expected"),
    [
        (3, 2, False, [Phase("head", 0, 3, 0.1), Phase("finetune", 3, 5, 0.2)]),
        (3, 0, False, [Phase("head", 0, 3, 0.1)]),
        (0, 2, False, [Phase("finetune", 0, 2, 0.2)]),
        (3, 2, True, [Phase("scratch", 0, 2, 0.2)]),
    ],
)
def test_phases_follow_each_other(head, finetune, from_scratch, expected):
    settings = TrainingConfig(
        head_epochs=head, finetune_epochs=finetune, head_learning_rate=0.1,
        finetune_learning_rate=0.2,
    )  # fmt: skip
    model = ModelConfig(weights="none" if from_scratch else "imagenet")
    assert stages.plan(settings, model) == expected


@pytest.mark.parametrize(("head", "from_scratch"), [(0, False), (3, True)])
def test_a_run_without_epochs_is_refused(head, from_scratch):
    with pytest.raises(ValueError, match="nothing to train: --finetune_epochs is 0"):
        stages.plan(
            TrainingConfig(head_epochs=head, finetune_epochs=0),
            ModelConfig(weights="none" if from_scratch else "imagenet"),
        )


def test_a_trained_model_may_stay_as_it_is_and_has_a_head_phase():
    model = ModelConfig(weights="none", init="run/model.keras")
    assert stages.plan(TrainingConfig(head_epochs=0, finetune_epochs=0), model) == []
    names = [phase.name for phase in stages.plan(TrainingConfig(), model)]
    assert names == ["head", "finetune"]


@pytest.mark.parametrize(
    ("warmup", "rates"),
    [
        # 100 steps; a tenth of them rises in a line, the rest falls along half a cosine.
        (0.1, {0: 0, 5: 0.5, 10: 1, 55: 0.5, 100: 0}),
        (0.0, {0: 1, 25: (1 + 2**-0.5) / 2, 50: 0.5, 100: 0}),
        (1.0, {0: 0, 50: 0.5, 100: 1}),
    ],
)
def test_the_learning_rate_warms_up_and_falls_along_a_cosine(warmup, rates):
    # Epochs are counted over the run, steps from the start of the phase.
    optimizer = stages.optimizer(
        Phase("finetune", 30, 40, 2.0), 10, TrainingConfig(warmup_ratio=warmup)
    )
    for step, share in rates.items():
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(2.0 * share, abs=1e-6), step


def test_biases_and_the_scale_and_shift_of_norms_do_not_decay():
    settings = TrainingConfig(warmup_ratio=0.0, weight_decay=0.5)
    optimizer = stages.optimizer(Phase("head", 0, 1, 0.1), 10, settings)
    model = keras.Sequential(
        [keras.layers.Dense(2), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    model.build((None, 2))
    variables = model.trainable_variables
    for variable in variables:
        variable.assign(tf.ones_like(variable))
    optimizer.apply([tf.zeros_like(variable) for variable in variables], variables)
    after = {variable.path: float(np.mean(variable)) for variable in variables}
    assert len(after) == 6
    for path, value in after.items():
        assert value == pytest.approx(0.95 if path.endswith("kernel") else 1.0), path


def constant_model():
    """Predicts PROBABILITIES[i] for input i, also after training with a learning rate of 0."""
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    model.layers[-1].set_weights([np.log(PROBABILITIES), np.zeros(3)])
    return model


def test_class_weights_and_smoothing_change_the_training_loss_alone(tmp_path):
    inputs, one_hot = np.eye(3, dtype="float32")[[0, 1, 2, 2]], np.eye(3, dtype="float32")[LABELS]
    source = stages.Source(tf.data.Dataset.from_tensor_slices((inputs, one_hot)), inputs, LABELS)
    checkpoints = CheckpointManager(tmp_path, lambda: None)
    weights = {0: 3.0, 1: 2.0, 2: 0.5}
    recipe = Recipe(TrainingConfig(label_smoothing=0.3), seed=0, batch_size=4, class_weight=weights)
    stages.fit(Phase("head", 0, 1, 0.0), constant_model(), source, recipe, checkpoints)
    surprise = -np.log(PROBABILITIES[[0, 1, 2, 2]])
    training = ((0.7 * one_hot + 0.1) * surprise).sum(axis=1) * [3.0, 2.0, 0.5, 0.5]
    (row,) = checkpoints.rows
    assert row["loss"] == pytest.approx(training.mean(), rel=1e-5)
    assert row["val_loss"] == pytest.approx((one_hot * surprise).sum(axis=1).mean(), rel=1e-5)
    assert row["accuracy"] == row["val_accuracy"] == 0.5


def test_a_phase_that_is_done_trains_no_more(tmp_path):
    inputs = np.eye(3, dtype="float32")
    source = stages.Source(tf.data.Dataset.from_tensor_slices((inputs, inputs)), inputs, [0, 1, 2])
    recipe = Recipe(TrainingConfig(), seed=0, batch_size=3)
    trained, again = constant_model(), constant_model()
    stages.fit(
        Phase("head", 0, 2, 0.1), trained, source, recipe, CheckpointManager(tmp_path, print)
    )
    checkpoints = CheckpointManager(tmp_path, print)
    stages.fit(Phase("head", 0, 2, 0.1), again, source, recipe, checkpoints)
    assert [row["epoch"] for row in checkpoints.rows] == [0, 1]
    np.testing.assert_array_equal(trained.get_weights()[0], again.get_weights()[0])
    assert np.abs(trained.get_weights()[0] - np.log(PROBABILITIES)).max() > 1e-3


@pytest.fixture
def catalogued(data_dir):
    catalog, reader = splits.split(data_dir, "stratified"), FolderReader(data_dir)
    images = {
        split: pipeline.load_split(Split(catalog, split, reader, 16)) for split in catalog.splits
    }
    images["views"] = images["train"]
    return RunData(catalog, images, 7, augment=lambda batch, step: batch)


@pytest.mark.parametrize(("views", "megabytes"), [(0, 100), (2, 100), (2, 0)])
def test_features_and_labels_belong_together(catalogued, tmp_path, views, megabytes):
    inputs = keras.Input((16, 16, 3))
    extractor = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    source = stages.feature_source(extractor, catalogued, views, Cache(tmp_path, megabytes))
    assert len(source.examples) == 24 * max(1, views)
    # blue, green, red are labels 0, 1, 2 and channels 2, 1, 0.
    for colour, one_hot in source.examples.as_numpy_iterator():
        assert colour.argmax() == 2 - one_hot.argmax()
    assert (source.valid_inputs.argmax(axis=1) == 2 - source.valid_labels).all()
    assert sorted(path.name for path in tmp_path.glob("*.npy")) == ["train.npy", "valid.npy"]


def test_validation_on_images_leaves_the_filler_out(catalogued):
    data = dataclasses.replace(catalogued, batch_size=4)
    inputs = keras.Input((16, 16, 3))
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 32)(inputs))
    model = keras.Model(inputs, keras.layers.Softmax()(means[:, ::-1]))
    scores = stages.image_source(data, 16).validate(model)
    assert len(data.images["valid"]) == 6
    assert scores["accuracy"] == 1 and scores["loss"] < 0.1  # black filler would be wrong


def test_shapes_are_static_and_steps_compile_as_tpus_need(catalogued, tmp_path):
    source = stages.image_source(catalogued, 16)
    phase, losses = Phase("finetune", 0, 1, 0.1), []
    batches = source.batches(phase, 0, 0, 7)
    for spec in (*batches.element_spec, source.valid_inputs.element_spec):
        assert spec.shape.is_fully_defined(), spec
    for compiled in (False, True):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, strides=4)])
        model.add(keras.layers.GlobalAveragePooling2D())
        model.add(keras.layers.Dense(3, activation="softmax"))
        steps = Recipe(TrainingConfig(), seed=0, batch_size=7).compile(model, phase, source)
        model.jit_compile = compiled  # by XLA, the compiler of TPUs
        history = model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
        losses.append(history.history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
