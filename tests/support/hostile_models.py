"""Model files that somebody crafted: each differs from a good one in a single respect."""

import json
import tempfile
import zipfile

import numpy as np

from trash_keras.metadata import ENTRY, ModelMetadata

NAMES, SIDE = ("blue", "green", "red"), 16
METADATA = ModelMetadata(NAMES, SIDE, "stretch")


def rewrite_zip(source, target, changes, compression=zipfile.ZIP_STORED):
    """Copies an archive, alone or behind a model, with other members.

    Args:
        source: The archive.
        target: Where to write it.
        changes: Member -> its new content; None leaves it out. Those that there were not are added.
        compression: Of the added members.
    """
    content = source.read_bytes()
    with zipfile.ZipFile(source) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
        start = min(info.header_offset for info in archive.infolist())
    target.write_bytes(content[:start])
    with zipfile.ZipFile(target, "a", compression) as archive:
        for name, content in {**members, **changes}.items():
            if content is not None:
                archive.writestr(name, content)
    return target


def with_metadata(source, target, **changes):
    """Copies a `.keras` or `.tflite` file with other metadata; a value None removes the key."""
    with zipfile.ZipFile(source) as archive:
        values = json.loads(archive.read(ENTRY)) | changes
    return rewrite_zip(source, target, {ENTRY: json.dumps(values)})


def with_config(source, target, change):
    """Copies a `.keras` file with what `change` makes of its configuration."""
    with zipfile.ZipFile(source) as archive:
        settings = json.loads(archive.read("config.json"))
    change(settings)
    return rewrite_zip(source, target, {"config.json": json.dumps(settings)})


def first_layer(settings, kind):
    """Returns the first description of a class in a configuration of Keras."""
    left = [settings]
    while left:
        value = left.pop(0)
        if isinstance(value, dict):
            if value.get("class_name") == kind:
                return value
            left += value.values()
        elif isinstance(value, list):
            left += value
    raise AssertionError(f"no {kind}")


def with_tflite(source, target, change):
    """Copies a `.tflite` file with what `change` makes of the graph, and with its metadata."""
    import flatbuffers
    from ai_edge_litert.schema_py_generated import Model, ModelT

    model = ModelT.InitFromObj(Model.GetRootAs(source.read_bytes(), 0))
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    target.write_bytes(bytes(builder.Output()))
    METADATA.embed(target)
    return target


def write_tflite_loop(target):
    """Writes a `.tflite` file whose loop never ends."""
    import tensorflow as tf

    from trash_keras.exporters import converter

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32)])
    def predict(image):
        start = tf.nn.softmax(tf.reduce_mean(image, (1, 2)))
        (end,) = tf.while_loop(lambda x: tf.reduce_sum(x) < 2, lambda x: (x * 1.0,), (start,))
        return {"probabilities": end}

    module.predict = predict
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=predict)
        target.write_bytes(converter.convert(folder))
    METADATA.embed(target)
    return target


def write_saved_model(folder, effect, metadata=METADATA):
    """Writes a SavedModel that does something beside its predictions.

    Args:
        folder: To write.
        effect: Takes the module, and the images as a tensor, when the graph is traced.
        metadata: Goes into it.
    """
    import tensorflow as tf

    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="image")])
    def serve(image):
        effect(module, image)
        return {"probabilities": tf.nn.softmax(tf.reduce_mean(image, (1, 2)))}

    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})
    metadata.embed(folder)
    return folder


def write_file(path):
    """Returns an effect of `write_saved_model`: a file is written at each prediction."""
    import tensorflow as tf

    def effect(module, image):
        tf.io.write_file(str(path), "written")

    return effect


def write_onnx(target, *nodes, **options):
    """Writes an ONNX file that predicts by the mean of each channel.

    Args:
        target: File to write.
        nodes: More of them, before those of the prediction.
        options: `initializer` and more of `onnx.helper.make_graph`; `domains` of operators.
    """
    import onnx
    from onnx import TensorProto, helper

    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", SIDE, SIDE, 3])
    row = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])
    predict = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Softmax", ["mean"], ["probabilities"], axis=1),
    ]
    weights = [axes, *options.pop("initializer", ())]
    domains = [helper.make_opsetid(name, 1) for name in options.pop("domains", ())]
    graph = helper.make_graph([*nodes, *predict], "graph", [image], [row], weights, **options)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), *domains])
    model.ir_version = 9
    helper.set_model_props(model, METADATA.entries())
    onnx.save(model, str(target))
    return target


def write_photo(path):
    """Writes an image to classify."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path
