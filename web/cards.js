// An image and its prediction on the page, and on demand the regions that it depends on.

import { showBars } from "./bars.js";
import { drawOver } from "./heat_map.js";
import { RUNS, occlusion } from "./occlusion.js";
import { UNSURE } from "./prediction.js";

const MEANINGFUL = 0.02; // smaller losses are noise of the model

/** Shows a file that could not be read. */
export function failureCard(name, why) {
  const card = copyOf("failure");
  card.querySelector(".why").textContent = why;
  card.querySelector(".file").textContent = name;
  return card;
}

/**
 * Shows a prediction.
 * @param {string} name Of the image.
 * @param {object} image From ImageReader.read.
 * @param {import("./prediction.js").Prediction} prediction
 * @param {number} milliseconds Of the inference.
 * @param {import("./model.js").Model} model
 */
export function predictionCard(name, image, prediction, milliseconds, model) {
  const card = copyOf("prediction");
  const canvas = card.querySelector("canvas");
  [canvas.width, canvas.height] = [image.shown.width, image.shown.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image.shown, 0, 0);
  canvas.setAttribute("aria-label", name);
  card.dataset.label = prediction.label;
  card.classList.toggle("unsure", prediction.unsure);
  card.querySelector(".label").textContent = prediction.headline;
  card.querySelector(".sure").textContent = prediction.certainty;
  showBars(card.querySelector(".bars"), prediction, model.metadata);
  showSet(card.querySelector(".set"), prediction.set);
  card.querySelector(".file").textContent =
    `${name}, ${Math.round(milliseconds)} ms (and ${Math.round(image.milliseconds)} ms to read it)`;
  new Saliency(card.querySelector(".saliency"), context, image, prediction, model);
  return card;
}

function showSet(line, set) {
  if (!set) return;
  line.hidden = false;
  line.textContent = set.length ? `Could be: ${set.join(", ")}` : "Could be: none of these";
}

function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** The button that makes a saliency map, shows it as a heat map and hides it. */
class Saliency {
  #overlay; // the drawn map, once there is one
  #running; // what cancels it, while it is being made
  #shown = false;

  constructor(place, context, image, prediction, model) {
    [this.place, this.context, this.image, this.prediction, this.model] =
      [place, context, image, prediction, model];
    [this.button, this.progress, this.method] =
      ["button", "progress", ".method"].map((part) => place.querySelector(part));
    this.progress.max = RUNS;
    this.button.addEventListener("click", () => this.#pressed());
  }

  #pressed() {
    if (this.#running) this.#running.abort();
    else if (this.#overlay) this.#show(!this.#shown);
    else this.#make();
  }

  async #make() {
    this.#running = new AbortController();
    this.progress.value = 0;
    this.progress.hidden = false;
    this.button.textContent = "Cancel";
    this.method.textContent = "";
    const { best } = this.prediction;
    const side = this.model.metadata.image_size;
    try {
      const found = await occlusion(this.image.square, side, best.probability,
        async (square) => (await this.model.classify(square))[best.index],
        (done) => { this.progress.value = done; }, this.#running.signal);
      this.#finished(found);
    } catch (error) {
      this.button.textContent = "Show heat map";
      if (error.name !== "AbortError") this.method.textContent = `That failed: ${error.message}`;
    } finally {
      this.#running = undefined;
      this.progress.hidden = true;
    }
  }

  #finished(found) {
    const { best } = this.prediction;
    const points = Math.round(100 * found.largest);
    const how = `(Occlusion sensitivity: a patch of the image's mean colour, in ${RUNS} places.)`;
    if (found.largest < MEANINGFUL) {
      this.button.hidden = true;
      this.method.textContent = `No single region decides: covering any of them lowers the `
        + `probability of ${best.name} by less than ${100 * MEANINGFUL} points. ${how}`;
      return;
    }
    this.method.textContent = `Covering a bright region lowers the probability of ${best.name} by `
      + `up to ${points} points. The prediction depends on these regions; the object may be `
      + `elsewhere. ${how}`;
    const { canvas } = this.context;
    this.#overlay = new OffscreenCanvas(canvas.width, canvas.height);
    const drawing = this.#overlay.getContext("2d");
    drawing.drawImage(this.image.shown, 0, 0);
    drawOver(drawing, found, this.model.metadata.resize);
    this.#show(true);
  }

  #show(overlay) {
    this.#shown = overlay;
    this.context.drawImage(overlay ? this.#overlay : this.image.shown, 0, 0);
    this.context.canvas.dataset.overlay = overlay;
    this.button.textContent = overlay ? "Show image" : "Show heat map";
  }
}

/** "3 glass, 1 unsure" of all cards in a list. */
export function tally(list) {
  const counts = new Map();
  for (const { dataset: { label } } of list.children) {
    if (label) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const failed = list.querySelectorAll(".failure").length;
  const ranked = [...counts].sort((one, other) => (one[0] === UNSURE) - (other[0] === UNSURE)
    || other[1] - one[1]);
  const words = ranked.map(([label, count]) => `${count} ${label}`);
  return [...words, ...(failed ? [`${failed} without a prediction`] : [])].join(", ");
}
