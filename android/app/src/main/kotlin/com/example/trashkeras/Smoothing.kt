package com.example.trashkeras

private const val FRAMES = 5 // at 10 to 30 a second less than half a second

/** Averages the probabilities of the last frames, so that the answer does not flicker. */
class Smoothing(private val frames: Int = FRAMES) {
    private val rows = ArrayDeque<FloatArray>()

    /** Takes the probabilities of a frame, and returns the mean of the last ones. */
    fun add(probabilities: FloatArray): FloatArray {
        rows.addLast(probabilities)
        if (rows.size > frames) rows.removeFirst()
        return FloatArray(probabilities.size) { index ->
            (rows.sumOf { it[index].toDouble() } / rows.size).toFloat()
        }
    }

    /** Forgets all frames: what comes next shows something else. */
    fun clear() = rows.clear()
}
