package com.example.trashkeras

import java.nio.ByteBuffer
import org.json.JSONObject

/**
 * The metadata inside a model file; `trash_keras/metadata.py` writes it.
 *
 * @property classNames Class names in the order of the output probabilities.
 * @property imageSize Height and width of the input, pixels.
 * @property resize How images were made square in training.
 * @property threshold The label is `unsure` unless its probability is above this one.
 */
data class ModelMetadata(
    val classNames: List<String>,
    val imageSize: Int,
    val resize: Resize,
    val threshold: Double
) {
    companion object {
        const val ENTRY = "trash_keras.json"

        /**
         * Reads the metadata from the bytes of a `.tflite` file.
         *
         * @throws IllegalArgumentException The file has none.
         */
        fun read(model: ByteBuffer): ModelMetadata {
            val text = requireNotNull(appendedFile(model, ENTRY)) {
                "expected a .tflite file of trash-keras export, with $ENTRY inside."
            }
            val values = JSONObject(String(text))
            val names = values.getJSONArray("class_names")
            return ModelMetadata(
                classNames = List(names.length()) { names.getString(it) },
                imageSize = values.getInt("image_size"),
                resize = Resize.valueOf(values.getString("resize").uppercase()),
                threshold = values.getDouble("threshold")
            )
        }
    }
}
