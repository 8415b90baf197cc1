// Probabilities of video frames flicker; their mean over the last few does less so.

export class RunningMean {
  #rows = [];

  /** @param {number} count Of the last rows that the mean is taken over. */
  constructor(count) {
    this.count = count;
  }

  /**
   * @param {ArrayLike<number>} row Probabilities, one per class.
   * @returns {number[]} The mean of this row and those before it.
   */
  add(row) {
    this.#rows = [...this.#rows, row].slice(-this.count);
    return Array.from(row, (_, index) => this.#rows.reduce(
      (sum, one) => sum + one[index], 0) / this.#rows.length);
  }

  /** Forgets all rows. */
  clear() {
    this.#rows = [];
  }
}
