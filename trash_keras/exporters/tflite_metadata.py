"""What a .tflite file says of itself to MediaPipe, Android Studio and LiteRT's metadata reader.

The tables are those of metadata_schema.fbs, published with MediaPipe and described at
https://ai.google.dev/edge/litert/models/metadata. Slots are the positions of the fields in there.
"""

from collections.abc import Callable, Mapping, Sequence

import flatbuffers

from trash_keras.exporters.model_info import ENTRY, ModelInfo
from trash_keras.metadata import LABELS_ENTRY, ModelMetadata

FILE_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"  # the oldest reader that knows all these fields
_DESCRIPTIONS, _TENSOR_AXIS_LABELS = 1, 2  # kinds of associated files
_RGB = 1
_FEATURES, _IMAGE = 1, 2  # kinds of content
_NORMALIZATION = 1  # kind of process unit

Field = tuple[Callable[..., None], int]  # method of the builder that adds a value, and the value


def encode(metadata: ModelMetadata, info: ModelInfo) -> bytes:
    """Returns the metadata of a classifier of one image.

    Args:
        metadata: Class names and image size.
        info: Name, description, version, author and licence.
    """
    builder = flatbuffers.Builder()
    text = builder.CreateString
    entries = _vector(builder, [_file(builder, ENTRY, info.description, _DESCRIPTIONS)])
    graph = _table(builder, 10, {
        0: text(info.name),
        2: _vector(builder, [_input(builder, metadata)]),
        3: _vector(builder, [_output(builder, metadata)]),
    })  # fmt: skip
    root = _table(builder, 8, {
        0: text(info.name),
        1: text(info.description),
        2: text(info.version),
        3: _vector(builder, [graph]),
        4: text(info.author),
        5: text(info.license),
        6: entries,
        7: text(_PARSER_VERSION),
    })  # fmt: skip
    builder.Finish(root, FILE_IDENTIFIER)
    return bytes(builder.Output())


def _input(builder: flatbuffers.Builder, metadata: ModelMetadata) -> int:
    side = metadata.image_size
    size = _table(builder, 2, numbers={0: (builder.PrependUint32Slot, side),
                                       1: (builder.PrependUint32Slot, side)})  # fmt: skip
    image = _table(builder, 2, {1: size}, {0: (builder.PrependInt8Slot, _RGB)})
    content = _table(builder, 3, {1: image}, {0: (builder.PrependUint8Slot, _IMAGE)})
    # Scaling is inside the model: whoever follows these numbers leaves 0..255 as it is.
    options = _table(builder, 2, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
    unit = _table(builder, 2, {1: options}, {0: (builder.PrependUint8Slot, _NORMALIZATION)})
    return _table(builder, 7, {
        0: builder.CreateString("image"),
        1: builder.CreateString(
            f"RGB image, 0..255, {side} x {side} pixels, made square by: {metadata.resize}"
        ),
        3: content,
        4: _vector(builder, [unit]),
        5: _range(builder, 0.0, 255.0),
    })  # fmt: skip


def _output(builder: flatbuffers.Builder, metadata: ModelMetadata) -> int:
    content = _table(
        builder, 3, {1: _table(builder, 0)}, {0: (builder.PrependUint8Slot, _FEATURES)}
    )
    labels = _file(builder, LABELS_ENTRY, "A class name a line", _TENSOR_AXIS_LABELS)
    return _table(builder, 7, {
        0: builder.CreateString("probabilities"),
        1: builder.CreateString(
            f"Probability of each class; up to {metadata.threshold:.4f} the prediction is unsure"
        ),
        3: content,
        5: _range(builder, 0.0, 1.0),
        6: _vector(builder, [labels]),
    })  # fmt: skip


def _file(builder: flatbuffers.Builder, name: str, description: str, kind: int) -> int:
    texts = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    return _table(builder, 5, texts, {2: (builder.PrependInt8Slot, kind)})


def _range(builder: flatbuffers.Builder, lowest: float, highest: float) -> int:
    return _table(builder, 2, {0: _floats(builder, [highest]), 1: _floats(builder, [lowest])})


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return builder.EndVector()


def _vector(builder: flatbuffers.Builder, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()


def _table(
    builder: flatbuffers.Builder,
    slots: int,
    offsets: Mapping[int, int] | None = None,
    numbers: Mapping[int, Field] | None = None,
) -> int:
    """Writes a table.

    Args:
        builder: Where to.
        slots: Fields that the table has.
        offsets: Slot -> what was written before: a text, vector or table.
        numbers: Slot -> method that adds a number, and the number.
    """
    builder.StartObject(slots)
    for slot, offset in (offsets or {}).items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, (add, value) in (numbers or {}).items():
        add(slot, value, 0)
    return builder.EndObject()
