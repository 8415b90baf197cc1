// Probabilities -> the answer that trash_keras gives.

export const UNSURE = "unsure";

export class Answer {
  /**
   * @param {ArrayLike<number>} probabilities One a class.
   * @param {object} contract Of the model.
   */
  constructor(probabilities, contract) {
    this.ranked = contract.class_names
      .map((name, index) => ({ name, index, probability: probabilities[index] }))
      .sort((one, other) => other.probability - one.probability);
    this.best = this.ranked[0];
    this.label = this.best.probability > contract.threshold ? this.best.name : UNSURE;
    const lowest = contract.set_threshold;
    this.set = lowest === null ? null
      : this.ranked.filter(({ probability }) => probability >= lowest).map(({ name }) => name);
  }

  get unsure() {
    return this.label === UNSURE;
  }

  /** A sentence for those who hear it. */
  get words() {
    const best = `${this.best.name}, ${percent(this.best.probability)}`;
    return this.unsure ? `unsure, most likely ${best}` : best;
  }
}

/** A probability as people read it; 100% is said of none. */
export function percent(probability) {
  if (probability > 0.995 && probability < 1) return ">99%";
  if (probability > 0 && probability < 0.005) return "<1%";
  return `${Math.round(100 * probability)}%`;
}
