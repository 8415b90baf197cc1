// Probabilities -> a prediction, as trash_keras makes it.

export const UNSURE = "unsure"; // the label where the model abstains (selective classification)
const CANDIDATE_RATIO = 0.5; // of the largest probability, which a candidate has at least
const NAMED_CANDIDATES = 3; // most that are named

export class Prediction {
  /**
   * @param {ArrayLike<number>} probabilities One per class.
   * @param {object} metadata Of the model.
   */
  constructor(probabilities, metadata) {
    this.ranked = metadata.class_names
      .map((name, index) => ({ name, index, probability: probabilities[index] }))
      .sort((one, other) => other.probability - one.probability);
    this.best = this.ranked[0];
    this.label = this.best.probability > metadata.threshold ? this.best.name : UNSURE;
    const lowest = metadata.set_threshold;
    this.set = lowest === null ? null
      : this.ranked.filter(({ probability }) => probability >= lowest).map(({ name }) => name);
  }

  get unsure() {
    return this.label === UNSURE;
  }

  /** The classes at least half as probable as the first, which is one of them. */
  get candidates() {
    const least = CANDIDATE_RATIO * this.best.probability;
    return this.ranked.filter(({ probability }) => probability >= least);
  }

  /** The prediction for people, without its probability: "metal", "probably metal", "a or b?". */
  get headline() {
    if (!this.unsure) return this.label;
    const names = this.candidates.map(({ name }) => name);
    if (!names.length || names.length > NAMED_CANDIDATES) return "not sure what it is";
    if (names.length > 1) return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}?`;
    return `${this.best.probability > 0.5 ? "probably" : "perhaps"} ${names[0]}`;
  }

  /** What follows the headline: how sure the model is; nothing where it names several. */
  get certainty() {
    if (!this.unsure) return percent(this.best.probability);
    return this.candidates.length === 1 ? `${percent(this.best.probability)}, not sure` : "";
  }

  /** The whole of it. */
  get words() {
    return [this.headline, this.certainty].filter(Boolean).join(", ");
  }
}

/** A probability for people; only 1 itself is shown as 100%. */
export function percent(probability) {
  if (probability >= 0.995 && probability < 1) return ">99%";
  if (probability > 0 && probability < 0.005) return "<1%";
  return `${Math.floor(100 * probability + 0.5)}%`;
}
