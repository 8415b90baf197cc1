package com.example.trashkeras

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Shape and numbers of a tensor, as the runtime describes it.
 *
 * @property floats Whether it holds float32; else unsigned bytes, each for (byte - zeroPoint) * scale.
 */
data class TensorFormat(
    val shape: List<Int>,
    val floats: Boolean,
    val scale: Float,
    val zeroPoint: Int
) {
    private val numbers = shape.fold(1, Int::times)

    /** Returns memory for the tensor that a runtime can read and write. */
    fun allocate(): ByteBuffer = ByteBuffer.allocateDirect(if (floats) numbers * 4 else numbers)
        .order(ByteOrder.nativeOrder())

    /** Writes levels 0..255, given as unsigned bytes, into memory of `allocate`. */
    fun write(levels: ByteArray, tensor: ByteBuffer) {
        levels.forEachIndexed { index, level ->
            if (floats) {
                tensor.putFloat(index * 4, (level.toInt() and 0xff).toFloat())
            } else {
                tensor.put(index, level)
            }
        }
    }

    /** Reads the numbers that memory of `allocate` holds. */
    fun read(tensor: ByteBuffer): FloatArray = FloatArray(numbers) {
        if (floats) {
            tensor.getFloat(it * 4)
        } else {
            ((tensor.get(it).toInt() and 0xff) - zeroPoint) * scale
        }
    }
}

/**
 * Checks that a model takes one square image of levels 0..255 and returns a probability per class.
 *
 * @throws IllegalArgumentException It does not.
 */
fun ModelMetadata.check(input: TensorFormat, output: TensorFormat) {
    require(input.shape == listOf(1, imageSize, imageSize, 3)) {
        "expected an input of [1, $imageSize, $imageSize, 3]. Received: ${input.shape}"
    }
    require(input.floats || (input.scale == 1f && input.zeroPoint == 0)) {
        "expected an input of plain levels, scale 1 and zero point 0. Received: $input"
    }
    require(output.shape == listOf(1, classNames.size)) {
        "expected an output of [1, ${classNames.size}]. Received: ${output.shape}"
    }
}
