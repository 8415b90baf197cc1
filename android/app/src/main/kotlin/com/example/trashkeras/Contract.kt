package com.example.trashkeras

import java.nio.ByteBuffer
import org.json.JSONObject

/**
 * What a model file says of itself; `trash_keras/contract.py` writes it.
 *
 * @property classNames Class names in the order of the output probabilities.
 * @property imageSize Height and width of the input, pixels.
 * @property resize How pictures were made square in training.
 * @property threshold The answer is `unsure` unless its probability is above this one.
 */
data class Contract(
    val classNames: List<String>,
    val imageSize: Int,
    val resize: Resize,
    val threshold: Double
) {
    companion object {
        const val ENTRY = "trash_keras.json"

        /**
         * Reads the contract out of the bytes of a `.tflite` file.
         *
         * @throws IllegalArgumentException The file carries none.
         */
        fun read(model: ByteBuffer): Contract {
            val text = requireNotNull(appendedFile(model, ENTRY)) {
                "expected a .tflite file of trash-keras export, with $ENTRY inside."
            }
            val values = JSONObject(String(text))
            val names = values.getJSONArray("class_names")
            return Contract(
                classNames = List(names.length()) { names.getString(it) },
                imageSize = values.getInt("image_size"),
                resize = Resize.valueOf(values.getString("resize").uppercase()),
                threshold = values.getDouble("threshold")
            )
        }
    }
}
