package com.example.trashkeras

import kotlin.math.floor

/** The label where the model abstains (selective classification). */
const val UNSURE = "unsure"

private const val NAMED_CANDIDATES = 3 // most that are named

/** A probability for people, rounded; only 1 itself is 100%, and only 0 is 0%. */
fun percent(probability: Float): String = when (val share = probability.toDouble()) {
    in 0.995..<1.0 -> ">99%"
    in Double.MIN_VALUE..<0.005 -> "<1%"
    else -> "${floor(100 * share + 0.5).toInt()}%"
}

/** How a prediction is said; `strings.xml` has the words. */
enum class Phrase { SURE, PROBABLY, PERHAPS, EITHER, UNKNOWN }

/**
 * The prediction of the model for one image.
 *
 * @property ranked Class names and probabilities, the most probable first.
 * @property label The most probable class, or `unsure` where it is not above the threshold.
 * @property share The largest probability, for people.
 * @property candidates Names of the classes at least half as probable as the first, which is one.
 */
class Prediction(probabilities: FloatArray, metadata: ModelMetadata) {
    val ranked: List<Pair<String, Float>> =
        metadata.classNames.zip(probabilities.asList()).sortedByDescending { it.second }
    val label: String = ranked.first().let { (name, probability) ->
        if (probability.toDouble() > metadata.threshold) name else UNSURE
    }
    val share: String = percent(ranked.first().second)
    val candidates: List<String> = ranked.first().second.let { largest ->
        ranked.filter { 2 * it.second >= largest }.map { it.first }
    }
    val phrase: Phrase = when {
        label != UNSURE -> Phrase.SURE
        candidates.size == 1 && 2 * ranked.first().second > 1 -> Phrase.PROBABLY
        candidates.size == 1 -> Phrase.PERHAPS
        candidates.size in 2..NAMED_CANDIDATES -> Phrase.EITHER
        else -> Phrase.UNKNOWN
    }
}
