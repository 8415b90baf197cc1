package com.example.trashkeras

/** The label where the model abstains (selective classification). */
const val UNSURE = "unsure"

/**
 * The prediction of the model for one image.
 *
 * @property ranked Class names and probabilities, the most probable first.
 * @property label The most probable class, or `unsure` where it is not above the threshold.
 */
class Prediction(probabilities: FloatArray, metadata: ModelMetadata) {
    val ranked: List<Pair<String, Float>> =
        metadata.classNames.zip(probabilities.asList()).sortedByDescending { it.second }
    val label: String = ranked.first().let { (name, probability) ->
        if (probability.toDouble() > metadata.threshold) name else UNSURE
    }
}
