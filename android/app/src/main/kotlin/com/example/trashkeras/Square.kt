package com.example.trashkeras

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** How an image is made square: as a whole, its centre, or with grey bars. */
enum class Resize { STRETCH, CROP, PAD }

/**
 * An image that is read row by row, so that a photograph is not in memory twice.
 *
 * @property read Writes the pixels of a row into an array, each as 0xAARRGGBB.
 */
class ImageRows(val width: Int, val height: Int, val read: (row: Int, pixels: IntArray) -> Unit)

private const val PAD_VALUE: Byte = 127

/**
 * Makes an image square with antialiased bilinear interpolation, to the pixels of training.
 *
 * This is `resize_to_square` of `trash_keras/data/decoding.py`. `Bitmap.createScaledBitmap` is not:
 * it looks at four pixels however many there are to a new one.
 *
 * @param side Height and width of the result, pixels.
 * @return RGB of each pixel, row by row: unsigned bytes [side, side, 3].
 */
fun ImageRows.toSquare(side: Int, resize: Resize): ByteArray {
    val fitted = if (resize == Resize.CROP) min(width, height) else max(width, height)
    val factor = side.toFloat() / fitted
    fun whole(length: Int) =
        if (resize == Resize.STRETCH) side else max(1, round(length * factor).toInt())
    val columns = Axis(width, whole(width), side)
    val lines = Axis(height, whole(height), side)

    val square = ByteArray(side * side * 3) { PAD_VALUE }
    resized(columns, lines).forEachIndexed { line, levels ->
        val start = ((lines.margin + line) * side + columns.margin) * 3
        levels.forEachIndexed { index, level ->
            square[start + index] = round(level.toFloat()).coerceIn(0f, 255f).toInt().toByte()
        }
    }
    return square
}

/** Resizes along rows, then along columns, in floating point: [lines, columns * 3]. */
private fun ImageRows.resized(columns: Axis, lines: Axis): Array<DoubleArray> {
    val result = Array(lines.kept) { DoubleArray(columns.kept * 3) }
    val pixels = IntArray(width)
    val narrow = FloatArray(columns.kept * 3)
    var open = 0 // the first line that this row or a later one has a share in
    for (row in lines.first[0] until lines.end(lines.kept - 1)) {
        read(row, pixels)
        columns.narrow(pixels, narrow)
        while (lines.end(open) <= row) open++
        for (line in open until lines.kept) {
            if (lines.first[line] > row) break
            val weight = lines.weights[line][row - lines.first[line]]
            val sums = result[line]
            for (index in sums.indices) sums[index] += narrow[index] * weight
        }
    }
    return result
}

/**
 * Which pixels of a line make up each pixel of the resized one, and with which weights.
 *
 * The line is resized to `whole` pixels, of which the middle is kept where they are more than
 * `side`; the weights are a triangle, as wide as two new pixels when there are fewer of them and as
 * two old ones when there are more.
 */
private class Axis(length: Int, whole: Int, side: Int) {
    val kept = min(whole, side)
    val margin = (side - kept) / 2
    val first = IntArray(kept)
    val weights: Array<DoubleArray>

    init {
        val cut = (whole - kept) / 2
        val from = (cut.toDouble() * length / whole).toFloat()
        val until = min((cut + kept).toDouble() * length / whole, length.toDouble()).toFloat()
        val scale = (until - from).toDouble() / kept
        val reach = max(scale, 1.0)
        weights = Array(kept) { index ->
            val centre = from + (index + 0.5) * scale
            first[index] = max(0, (centre - reach + 0.5).toInt())
            val end = min(length, (centre + reach + 0.5).toInt())
            val shares = DoubleArray(end - first[index]) {
                max(0.0, 1 - abs((first[index] + it - centre + 0.5) / reach))
            }
            val sum = shares.sum()
            DoubleArray(shares.size) { shares[it] / sum }
        }
    }

    /** The pixel behind the last that a new one is made of. */
    fun end(index: Int): Int = first[index] + weights[index].size

    /** Resizes a row of pixels to RGB levels [kept * 3], transparency onto white. */
    fun narrow(pixels: IntArray, levels: FloatArray) {
        for (index in 0 until kept) {
            var red = 0.0
            var green = 0.0
            var blue = 0.0
            weights[index].forEachIndexed { share, weight ->
                val pixel = pixels[first[index] + share]
                val alpha = pixel ushr 24
                red += weight * onWhite(pixel shr 16 and 0xff, alpha)
                green += weight * onWhite(pixel shr 8 and 0xff, alpha)
                blue += weight * onWhite(pixel and 0xff, alpha)
            }
            levels[index * 3] = red.toFloat()
            levels[index * 3 + 1] = green.toFloat()
            levels[index * 3 + 2] = blue.toFloat()
        }
    }
}

private fun onWhite(level: Int, alpha: Int): Int =
    if (alpha == 255) level else (level * alpha + 255 * (255 - alpha) + 127) / 255
