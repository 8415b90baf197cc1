"""A classifier cut in two within its backbone, to fine-tune the top without running the rest."""

from collections.abc import Sequence

import keras

from trash_keras.models import classifier, folding


def split(model: keras.Model, share: float) -> tuple[keras.Model, keras.Model]:
    """Cuts a classifier within its backbone and makes what is above the cut trainable.

    The cut is where one tensor carries all that the layers above need, so never beside a residual
    connection; a network without such a place is cut below its first layer. BatchNorm layers stay
    frozen, see `classifier.unfreeze`.

    Args:
        model: From `classifier.build`.
        share: Largest share of the backbone's layers above the cut; 0..1.

    Returns:
        Images [batch, side, side, 3] -> activations at the cut, and these -> pooled features
        [batch, channels]. What is above the cut shares its weights with the model.
    """
    layers = {layer.name: layer for layer in model.layers}
    backbone = layers[classifier.BACKBONE]
    places = _cuts(backbone.layers)
    count = len(backbone.layers)
    cut = next((place for place in places if count - 1 - place <= share * count), places[-1])
    tensor = backbone.layers[cut].output
    images, activations = keras.Input(model.input_shape[1:]), keras.Input(tensor.shape[1:])
    scaled = layers[classifier.SCALING](images) if classifier.SCALING in layers else images
    bottom = keras.Model(images, keras.Model(backbone.input, tensor)(scaled))
    features = keras.Model(tensor, backbone.output)(activations)
    classifier.unfreeze(model, (count - 1 - cut) / count)
    top = keras.Model(activations, layers[classifier.FEATURES](features))
    return folding.for_inference(bottom), folding.for_training(top)


def _cuts(layers: Sequence[keras.Layer]) -> list[int]:
    """Returns the places of layers whose output alone reaches the layers after them, rising.

    Args:
        layers: Of a functional model, each after those whose outputs it takes.
    """
    place = {id(layer): index for index, layer in enumerate(layers)}
    found, lowest = [], len(layers)  # the lowest layer that one above the cut takes from
    for index in reversed(range(len(layers) - 1)):
        parents = [
            place[id(parent.operation)]
            for node in layers[index + 1]._inbound_nodes
            for parent in node.parent_nodes
            if id(parent.operation) in place
        ]
        lowest = min([lowest, *parents])
        if lowest >= index:
            found.append(index)
    return found[::-1]
