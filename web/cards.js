// A picture and its answer on the page, and on demand which places the answer depends on.

import { UNSURE, percent } from "./answer.js";
import { showBars } from "./bars.js";
import { drawOver } from "./heat_map.js";
import { RUNS, occlusion } from "./occlusion.js";

const MEANINGFUL = 0.02; // a loss of less is no place, but the model's noise

/** Shows a file that could not be read. */
export function failureCard(name, why) {
  const card = copyOf("failure");
  card.querySelector(".why").textContent = why;
  card.querySelector(".file").textContent = name;
  return card;
}

/**
 * Shows an answer.
 * @param {string} name Of the picture.
 * @param {object} picture Of Pictures.read.
 * @param {import("./answer.js").Answer} answer
 * @param {number} milliseconds That the model took.
 * @param {import("./model.js").Model} model
 */
export function answerCard(name, picture, answer, milliseconds, model) {
  const card = copyOf("answer");
  const canvas = card.querySelector("canvas");
  [canvas.width, canvas.height] = [picture.shown.width, picture.shown.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture.shown, 0, 0);
  canvas.setAttribute("aria-label", name);
  card.dataset.label = answer.label;
  card.classList.toggle("unsure", answer.unsure);
  card.querySelector(".label").textContent = answer.label;
  card.querySelector(".sure").textContent = percent(answer.best.probability);
  card.querySelector(".most").textContent = `Most likely ${answer.best.name}, but not likely enough.`;
  card.querySelector(".most").hidden = !answer.unsure;
  showBars(card.querySelector(".bars"), answer, model.contract);
  showSet(card.querySelector(".set"), answer.set);
  card.querySelector(".file").textContent =
    `${name}, ${Math.round(milliseconds)} ms (and ${Math.round(picture.milliseconds)} ms to read it)`;
  new Evidence(card.querySelector(".evidence"), context, picture, answer, model);
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

/** The button that makes a heat map, shows it, and puts it away. */
class Evidence {
  #overlay; // the drawn map, once there is one
  #running; // what cancels it, while it is being made
  #shown = false;

  constructor(place, context, picture, answer, model) {
    [this.place, this.context, this.picture, this.answer, this.model] =
      [place, context, picture, answer, model];
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
    const { best } = this.answer;
    const side = this.model.contract.image_size;
    try {
      const found = await occlusion(this.picture.square, side, best.probability,
        async (square) => (await this.model.classify(square))[best.index],
        (done) => { this.progress.value = done; }, this.#running.signal);
      this.#finished(found);
    } catch (error) {
      this.button.textContent = "Show what counts";
      if (error.name !== "AbortError") this.method.textContent = `That failed: ${error.message}`;
    } finally {
      this.#running = undefined;
      this.progress.hidden = true;
    }
  }

  #finished(found) {
    const { best } = this.answer;
    const points = Math.round(100 * found.largest);
    const how = `(Occlusion sensitivity: a patch of the picture's mean colour, in ${RUNS} places.)`;
    if (found.largest < MEANINGFUL) {
      this.button.hidden = true;
      this.method.textContent = `No single place counts: whichever is covered, ${best.name} loses `
        + `less than ${100 * MEANINGFUL} points. ${how}`;
      return;
    }
    this.method.textContent = `Covering the bright places costs ${best.name} up to ${points} `
      + `points. The answer depends on them; the thing may lie elsewhere. ${how}`;
    const { canvas } = this.context;
    this.#overlay = new OffscreenCanvas(canvas.width, canvas.height);
    const drawing = this.#overlay.getContext("2d");
    drawing.drawImage(this.picture.shown, 0, 0);
    drawOver(drawing, found, this.model.contract.resize);
    this.#show(true);
  }

  #show(overlay) {
    this.#shown = overlay;
    this.context.drawImage(overlay ? this.#overlay : this.picture.shown, 0, 0);
    this.context.canvas.dataset.overlay = overlay;
    this.button.textContent = overlay ? "Show the picture" : "Show what counts";
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
  return [...words, ...(failed ? [`${failed} without an answer`] : [])].join(", ");
}
