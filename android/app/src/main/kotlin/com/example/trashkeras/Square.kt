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
private const val BITS = 22 // after the point, of weights; 255 of them are below 2^31
private const val HALF = 1 shl (BITS - 1)

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
    val columns = Axis(width, whole(width), side, isRows = false)
    val lines = Axis(height, whole(height), side, isRows = true)

    val square = ByteArray(side * side * 3) { PAD_VALUE }
    resized(columns, lines).forEachIndexed { line, levels ->
        val start = ((lines.margin + line) * side + columns.margin) * 3
        levels.forEachIndexed { index, level ->
            square[start + index] = (level shr BITS).toByte()
        }
    }
    return square
}

/**
 * Resizes along rows, then along columns, each rounded to whole levels, in fixed point.
 *
 * @return Levels with `BITS` after the point, [lines, columns * 3].
 */
private fun ImageRows.resized(columns: Axis, lines: Axis): Array<IntArray> {
    val result = Array(lines.kept) { IntArray(columns.kept * 3) { HALF } }
    val pixels = IntArray(width)
    val narrow = IntArray(columns.kept * 3)
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
private class Axis(length: Int, whole: Int, side: Int, isRows: Boolean) {
    val kept = min(whole, side)
    val margin = (side - kept) / 2
    val first = IntArray(kept)
    val weights: Array<IntArray>

    init {
        val cut = (whole - kept) / 2
        val start = cut.toDouble() * length / whole
        val end = min((cut + kept).toDouble() * length / whole, length.toDouble())
        // Training reads the rows that it needs, and counts from the first of these.
        val skipped = if (isRows) max((start - (end - start) / kept - 1).toInt(), 0) else 0
        val from = (start - skipped).toFloat()
        val until = (end - skipped).toFloat()
        val scale = (until - from).toDouble() / kept
        val reach = max(scale, 1.0)
        weights = Array(kept) { index ->
            val centre = from + (index + 0.5) * scale
            val nearest = max(0, (centre - reach + 0.5).toInt())
            val farthest = min(length - skipped, (centre + reach + 0.5).toInt())
            val shares = DoubleArray(farthest - nearest) {
                max(0.0, 1 - abs((nearest + it - centre + 0.5) / reach))
            }
            first[index] = skipped + nearest
            val sum = shares.sum()
            IntArray(shares.size) { (shares[it] / sum * (1 shl BITS) + 0.5).toInt() }
        }
    }

    /** The pixel behind the last that a new one is made of. */
    fun end(index: Int): Int = first[index] + weights[index].size

    /** Resizes a row of pixels to RGB levels [kept * 3], transparency onto white. */
    fun narrow(pixels: IntArray, levels: IntArray) {
        for (index in 0 until kept) {
            var red = HALF
            var green = HALF
            var blue = HALF
            weights[index].forEachIndexed { share, weight ->
                val pixel = pixels[first[index] + share]
                val alpha = pixel ushr 24
                red += weight * onWhite(pixel shr 16 and 0xff, alpha)
                green += weight * onWhite(pixel shr 8 and 0xff, alpha)
                blue += weight * onWhite(pixel and 0xff, alpha)
            }
            levels[index * 3] = red shr BITS
            levels[index * 3 + 1] = green shr BITS
            levels[index * 3 + 2] = blue shr BITS
        }
    }
}

private fun onWhite(level: Int, alpha: Int): Int =
    if (alpha == 255) level else (level * alpha + 255 * (255 - alpha) + 127) / 255
