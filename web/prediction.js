// Probabilities -> a prediction, as trash_keras makes it.

export const UNSURE = "unsure"; // the label where the model abstains (selective classification)

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

  /** A sentence for screen readers. */
  get words() {
    const best = `${this.best.name}, ${percent(this.best.probability)}`;
    return this.unsure ? `unsure, most likely ${best}` : best;
  }
}

/** A probability for people; only 1 itself is shown as 100%. */
export function percent(probability) {
  if (probability > 0.995 && probability < 1) return ">99%";
  if (probability > 0 && probability < 0.005) return "<1%";
  return `${Math.round(100 * probability)}%`;
}
