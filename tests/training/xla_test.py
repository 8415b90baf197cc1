"""A training step has an XLA program: what GPUs and TPUs compile, as far as a CPU can show."""

import numpy as np
import pytest
import tensorflow as tf

from trash_keras.config import Config
from trash_keras.models import classifier
from trash_keras.training import stages

# One of each family, the smallest.
SLOW = [
    pytest.param(name, marks=pytest.mark.weekly)
    for name in ("EfficientNetB0", "EfficientNetV2B0", "MobileNetV3Small")
]
FAMILIES = ("EfficientNetLite0", "ResNet50", *SLOW)
SIDE, BATCH = 32, 2


def program(model, change=lambda images: images):
    """Returns the HLO text of a training step."""
    images = tf.zeros((BATCH, SIDE, SIDE, 3))
    labels = tf.one_hot([0, 1], 2)

    @tf.function(jit_compile=True)
    def step(images, labels):
        return model.train_step((change(images), labels))["loss"]

    return step.experimental_get_compiler_ir(images, labels)(stage="hlo")


def compiled(backbone):
    config = Config.make(backbone=backbone, weights="none", image_size=SIDE)
    model = classifier.create(config.model, ("blue", "red"), SIDE)
    model = classifier.unfreeze(model, 1.0)
    examples = tf.data.Dataset.from_tensors((np.zeros((SIDE, SIDE, 3)), np.zeros(2)))
    source = stages.Source(examples, np.zeros((1, SIDE, SIDE, 3)), np.zeros(1))
    phase = stages.Phase(stages.FINETUNE, 0, 1, 1e-3)
    stages.Recipe(config.training, 0, BATCH).compile(model, phase, source)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_of_each_family_is_one_program_of_static_shapes(family):
    try:
        text = program(compiled(family))
    except ValueError as error:  # of MaxPool, where another test has called `--deterministic`
        if "deterministic XLA implementation" in str(error):
            pytest.skip(str(error))
        raise
    assert "ENTRY" in text and f"f32[{BATCH},{SIDE},{SIDE},3]" in text
    assert "<=" not in text  # how HLO writes a dimension that is known at run time only


def test_a_step_that_xla_cannot_compile_is_told(toy_backbone):
    def host(images):
        return tf.ensure_shape(tf.numpy_function(np.abs, [images], tf.float32), images.shape)

    model = compiled(str(toy_backbone))
    assert "ENTRY" in program(model)
    with pytest.raises(Exception, match="PyFunc"):
        program(model, host)
