package com.example.trashkeras

/** The label of a picture that the model leaves to a person. */
const val UNSURE = "unsure"

/**
 * What the classifier says of one picture.
 *
 * @property ranked Class name and probability, the most probable first.
 * @property label The most probable class, or `unsure` where it is not probable enough.
 */
class Answer(probabilities: FloatArray, contract: Contract) {
    val ranked: List<Pair<String, Float>> =
        contract.classNames.zip(probabilities.asList()).sortedByDescending { it.second }
    val label: String = ranked.first().let { (name, probability) ->
        if (probability.toDouble() > contract.threshold) name else UNSURE
    }
}
