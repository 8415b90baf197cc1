import keras
import numpy as np
import pytest

from trash_keras.config import Config
from trash_keras.models import classifier, folding, inference

LAYERS = keras.layers
SIDE = 32


def with_statistics(model):
    """Gives BatchNorm stored statistics and weights as training leaves them: none are 0 or 1."""
    generator = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, LAYERS.BatchNormalization):
            layer.set_weights([generator.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model


def network(*layers, channels=4):
    return with_statistics(keras.Sequential([keras.Input((9, 9, channels)), *layers])._functional)


def images(model):
    return np.random.default_rng(1).uniform(-1, 1, (2, *model.input_shape[1:])).astype("float32")


def batch_norms(model):
    return sum(type(each) is LAYERS.BatchNormalization for each in model._flatten_layers())


def frozen(model):
    for layer in model._flatten_layers():
        if isinstance(layer, LAYERS.BatchNormalization):
            layer.trainable = False
    return model


@pytest.mark.parametrize("fold", [folding.for_inference, folding.for_training])
@pytest.mark.parametrize(
    "convolution",
    [
        LAYERS.Conv2D(6, 3, use_bias=False),
        LAYERS.Conv2D(6, (3, 2), 2, "same", bias_initializer="ones"),
        LAYERS.Conv2D(6, 3, dilation_rate=2, groups=2),
        LAYERS.DepthwiseConv2D(3, use_bias=False),
        LAYERS.DepthwiseConv2D(3, 2, "same", depth_multiplier=3, bias_initializer="ones"),
    ],
)
@pytest.mark.parametrize("scaled", [True, False])
def test_a_convolution_and_batch_norm_become_one_layer(fold, convolution, scaled):
    convolution = type(convolution).from_config(convolution.get_config())
    model = network(
        convolution, LAYERS.BatchNormalization(center=scaled, scale=scaled), LAYERS.ReLU()
    )
    folded = fold(frozen(model))
    assert [type(layer).__name__ for layer in folded.layers[2:]] == ["ReLU"]
    np.testing.assert_allclose(folded(images(model)), model(images(model)), atol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        [LAYERS.Conv2D(4, 3, activation="relu"), LAYERS.BatchNormalization()],
        [LAYERS.Conv2D(4, 3), LAYERS.ReLU(), LAYERS.BatchNormalization()],
        [LAYERS.Conv2D(7, 3), LAYERS.BatchNormalization(axis=2)],
        [LAYERS.Conv2D(4, 3, dtype="mixed_bfloat16"), LAYERS.BatchNormalization()],
        [LAYERS.BatchNormalization(), LAYERS.Conv2D(4, 3)],
        [LAYERS.SeparableConv2D(4, 3), LAYERS.BatchNormalization()],
    ],
)
def test_what_is_not_one_affine_function_of_channels_stays(layers):
    model = network(*(type(layer).from_config(layer.get_config()) for layer in layers))
    folded = folding.for_inference(model)
    assert batch_norms(folded) == 1
    np.testing.assert_array_equal(folded(images(model)), model(images(model)))


def test_a_convolution_that_others_read_too_is_kept():
    image = keras.Input((9, 9, 4))
    convolved = LAYERS.Conv2D(4, 3)(image)
    outputs = {"norm": LAYERS.BatchNormalization()(convolved), "plain": convolved * 2}
    model = with_statistics(keras.Model(image, outputs))
    folded = folding.for_inference(model)
    assert batch_norms(folded) == 0
    for name, value in model(images(model)).items():
        np.testing.assert_allclose(folded(images(model))[name], value, atol=1e-5)


@pytest.mark.parametrize("fold", [folding.for_inference, folding.for_training])
def test_layers_may_be_used_several_times(fold):
    """The same two layers twice, and their BatchNorm behind another convolution too."""
    image = keras.Input((9, 9, 4))
    convolution, norm = LAYERS.Conv2D(4, 3, padding="same"), LAYERS.BatchNormalization()
    other = LAYERS.Conv2D(4, 3, padding="same")
    output = norm(other(norm(convolution(norm(convolution(image))))))
    model = frozen(with_statistics(keras.Model(image, output)))
    folded = fold(model)
    assert [type(layer) is LAYERS.BatchNormalization for layer in folded.layers] == 3 * [False]
    assert len(folded.trainable_variables) == 4
    np.testing.assert_allclose(folded(images(model)), model(images(model)), rtol=1e-4, atol=1e-5)


def test_parts_of_other_kinds_stay():
    image = keras.Input((9, 9, 4))
    part = keras.Sequential([LAYERS.Conv2D(4, 3), LAYERS.BatchNormalization()])
    x = LAYERS.BatchNormalization()(inputs=LAYERS.Conv2D(4, 3)(image))
    model = with_statistics(keras.Model(image, part(x)))
    np.testing.assert_allclose(
        folding.for_inference(model)(images(model)), model(images(model)), atol=1e-5
    )


def test_a_step_moves_the_weights_of_the_model_as_its_own_step_does():
    def stepped(fold):
        keras.utils.set_random_seed(0)
        model = network(
            LAYERS.Conv2D(6, 3), LAYERS.BatchNormalization(), LAYERS.ReLU(),
            LAYERS.DepthwiseConv2D(3), LAYERS.BatchNormalization(),
            LAYERS.GlobalAveragePooling2D(), LAYERS.Dense(3, activation="softmax"),
        )  # fmt: skip
        trained = fold(frozen(model))
        trained.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
        assert len(trained.trainable_variables) == len(model.trainable_variables) == 6
        trained.train_on_batch(images(model), np.eye(3, dtype="float32")[:2])
        return model.get_weights()

    plain = stepped(lambda model: model)
    for before, after in zip(plain, stepped(folding.for_training), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-5)


def test_for_inference_keeps_what_the_weights_were():
    model = network(LAYERS.Conv2D(6, 3), LAYERS.BatchNormalization())
    folded = folding.for_inference(model)
    before = np.asarray(folded(images(model)))
    model.set_weights([weight + 1 for weight in model.get_weights()])
    np.testing.assert_array_equal(folded(images(model)), before)


@pytest.mark.parametrize(
    "name",
    [
        "EfficientNetLite0",
        *(pytest.param(name, marks=pytest.mark.weekly)
          for name in ("ResNet50", "MobileNetV3Small", "EfficientNetV2B0", "DenseNet121")),
    ],
)  # fmt: skip
def test_whole_networks_keep_their_outputs(name):
    keras.utils.set_random_seed(0)
    config = Config.make(backbone=name, weights="none", image_size=SIDE)
    model = with_statistics(classifier.create(config.model, ("blue", "red"), SIDE))
    whole = inference.build_inference_model(model, views=2)
    folded = folding.for_inference(whole)
    assert batch_norms(folded) < batch_norms(whole) / 2 or name == "DenseNet121"
    image = 100 * images(whole) + 100
    np.testing.assert_allclose(folded(image), whole(image), atol=1e-5)
    np.testing.assert_allclose(
        keras.Model(model.input, model.get_layer(classifier.FEATURES).output)(image),
        classifier.feature_extractor(model)(image),
        rtol=1e-3,
        atol=1e-4,
    )


def test_a_folded_model_is_saved_as_before(tmp_path, toy_backbone):
    """Folding calls the layers again, which must leave no trace in the model that has them."""
    config = Config.make(backbone=str(toy_backbone), image_size=16)
    model = inference.build_inference_model(classifier.create(config.model, ("a", "b"), 16))
    before = model.to_json()
    folding.for_inference(model)
    assert model.to_json() == before
