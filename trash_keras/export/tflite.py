"""keras.Model -> TFLite file, for phones and microcontrollers."""

from pathlib import Path

import keras

from trash_keras.contract import Contract


def write_float32(model: keras.Model, contract: Contract, path: Path) -> None:
    """Writes a float32 TFLite file that takes one picture at a time.

    Args:
        model: Pictures -> probabilities, in inference mode.
        contract: Class names, and the size and resize of its pictures; goes into the file.
        path: File to write, ending in .tflite. Input float32 [1, side, side, 3], RGB 0..255;
            output float32 [1, classes], probabilities.
    """
    side = contract.image_size
    signature = [keras.InputSpec(shape=(1, side, side, 3), dtype="float32", name="image")]
    model.export(str(path), format="litert", input_signature=signature, verbose=False)
    contract.embed(path)
