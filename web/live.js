// The answer over the camera's image: of the mean of the last frames, so that it does not flicker.

import { showBars } from "./bars.js";
import { Prediction } from "./prediction.js";
import { RunningMean } from "./smoothing.js";

const FRAMES = 5; // at about three a second

export class LiveView {
  #mean = new RunningMean(FRAMES);

  /** @param {HTMLElement} place With the parts named below. */
  constructor(place) {
    this.place = place;
    [this.label, this.sure, this.bars, this.detail] =
      [".label", ".sure", ".bars", ".detail"].map((part) => place.querySelector(part));
  }

  /**
   * Shows the mean with another frame's probabilities.
   * @param {ArrayLike<number>} probabilities Of the frame.
   * @param {number} milliseconds Of its inference.
   * @param {object} metadata Of the model.
   * @returns {string} The answer in words where it is another than before, else "".
   */
  show(probabilities, milliseconds, metadata) {
    const prediction = new Prediction(this.#mean.add(probabilities), metadata);
    const changed = this.label.textContent !== prediction.headline;
    this.label.textContent = prediction.headline;
    this.sure.textContent = prediction.certainty;
    this.place.classList.toggle("unsure", prediction.unsure);
    this.detail.textContent =
      `Mean of the last ${FRAMES} frames; ${Math.round(milliseconds)} ms for one`;
    showBars(this.bars, prediction, metadata);
    return changed ? prediction.words : "";
  }

  /** Forgets all frames. */
  clear() {
    this.#mean.clear();
    this.label.textContent = "…";
    for (const part of [this.sure, this.detail]) part.textContent = "";
    this.bars.replaceChildren();
    this.place.classList.remove("unsure");
  }
}
