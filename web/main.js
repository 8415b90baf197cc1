// Puts the parts of the page together.

import { Answer, percent } from "./answer.js";
import { showBars } from "./bars.js";
import { Camera } from "./camera.js";
import { answerCard, failureCard, tally } from "./cards.js";
import { Model } from "./model.js";
import { Pictures } from "./pictures.js";

const MODEL = "model.tflite"; // beside the page
const at = (id) => document.getElementById(id);
const pictures = new Pictures();
const camera = new Camera(at("video"), lookAt);
let model;
let working = Promise.resolve(); // pictures are answered one after the other
let waiting = 0;

function say(text, busy = false) {
  at("status").textContent = text;
  at("status").classList.toggle("busy", busy);
}

function complain(text = "") {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

async function loadModel(file, read) {
  say("Loading the model …", true);
  complain();
  try {
    const start = performance.now();
    const { name, bytes } = await read();
    const loaded = await Model.load(bytes);
    model?.delete();
    model = loaded;
    clear();
    describe(name, performance.now() - start);
    say(`Ready: ${model.contract.class_names.join(", ")}`);
  } catch (error) {
    console.debug(error);
    complain(`${file} can't be used. ${error.message}`);
    say(model ? "The model from before is still here." : "");
  }
  for (const id of ["choose", "open-camera"]) at(id).disabled = !model;
}

async function fetchModel() {
  const response = await fetch(MODEL);
  if (!response.ok) throw new Error(`There is no ${MODEL} beside this page; choose a file below.`);
  const [, name = MODEL] = /filename\*=UTF-8''(\S+)/.exec(
    response.headers.get("Content-Disposition") ?? "") ?? [];
  return { name: decodeURIComponent(name), bytes: new Uint8Array(await response.arrayBuffer()) };
}

function describe(name, milliseconds) {
  const { contract } = model;
  const side = contract.image_size;
  const facts = {
    File: `${name}, ${(model.bytes / 1e6).toFixed(1)} MB`,
    Classes: contract.class_names.join(", "),
    Takes: `${side} × ${side} pixels, ${contract.resize}, ${model.precision}`,
    Unsure: contract.threshold > 0 ? `up to ${percent(contract.threshold)}` : "never",
    Runtime: `LiteRT.js, WebAssembly; loaded in ${(milliseconds / 1000).toFixed(1)} s`,
  };
  at("facts").replaceChildren(...Object.entries(facts).map(([term, fact]) => {
    const pair = document.createElement("div");
    for (const [tag, text] of [["dt", term], ["dd", fact]]) {
      pair.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    return pair;
  }));
  at("limit").textContent = contract.threshold > 0
    ? `The line in the bars: up to ${percent(contract.threshold)} the answer is unsure.` : "";
}

async function ask(source) {
  const picture = await pictures.read(source, model.contract);
  const start = performance.now();
  const answer = new Answer(await model.classify(picture.square), model.contract);
  return { picture, answer, milliseconds: performance.now() - start };
}

/** Answers pictures, each with a card above those of earlier ones. */
function add(sources) {
  if (!model || !sources.length) return;
  complain();
  const below = at("answers").firstElementChild;
  waiting += sources.length;
  for (const { name, source } of sources) {
    working = working.then(async () => {
      say(`Looking at ${name}${waiting > 1 ? `, ${waiting} to go` : ""} …`, true);
      const card = await cardFor(name, source);
      at("results").hidden = false;
      document.body.classList.add("answered");
      at("answers").insertBefore(card, below?.parentNode ? below : null);
      waiting -= 1;
      if (!waiting) say(sources.length > 1 ? tally(at("answers")) : spoken(name, card));
    });
  }
}

async function cardFor(name, source) {
  try {
    const { picture, answer, milliseconds } = await ask(source);
    const card = answerCard(name, picture, answer, milliseconds, model);
    card.dataset.words = answer.words;
    return card;
  } catch (error) {
    return failureCard(name, error.message);
  }
}

function spoken(name, card) {
  return `${name}: ${card.dataset.words ?? card.querySelector(".why").textContent}`;
}

function addFiles(files) {
  const [models, others] = [true, false].map((is) => [...files].filter(
    (file) => file.name.endsWith(".tflite") === is));
  if (models.length) {
    const file = models.at(-1);
    working = working.then(() => loadModel(file.name,
      async () => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })));
  }
  add(others.map((file) => ({ name: file.name || "picture", source: file })));
}

function clear() {
  at("answers").replaceChildren();
  at("results").hidden = true;
  document.body.classList.remove("answered");
  say("");
}

async function lookAt(frame) {
  const { answer, milliseconds } = await ask(frame);
  const changed = at("live-label").textContent !== answer.label;
  at("live-label").textContent = answer.label;
  at("camera").classList.toggle("unsure", answer.unsure);
  at("live-sure").textContent = percent(answer.best.probability);
  at("live-detail").textContent =
    `${answer.unsure ? `Most likely ${answer.best.name}, in ` : "In "}${Math.round(milliseconds)} ms`;
  showBars(at("live-bars"), answer, model.contract);
  if (changed && camera.open) say(`The camera sees: ${answer.words}`);
}

async function openCamera() {
  complain();
  try {
    await camera.start();
  } catch (error) {
    complain(error.message);
    return;
  }
  at("camera").hidden = false;
  at("open-camera").hidden = true;
  at("snapshot").focus();
  camera.watch().catch((error) => { closeCamera(); complain(error.message); });
}

function closeCamera() {
  camera.stop();
  at("camera").hidden = true;
  at("open-camera").hidden = false;
  at("open-camera").focus();
  say("");
}

at("choose").addEventListener("click", () => at("files").click());
at("other-model").addEventListener("click", () => at("model-file").click());
for (const id of ["files", "model-file"]) {
  at(id).addEventListener("change", ({ target }) => { addFiles(target.files); target.value = ""; });
}
at("clear").addEventListener("click", () => { clear(); at("choose").focus(); });
at("open-camera").addEventListener("click", openCamera);
at("close-camera").addEventListener("click", closeCamera);
at("snapshot").addEventListener("click", async () => {
  add([{ name: `Camera, ${new Date().toLocaleTimeString()}`, source: await camera.frame() }]);
});
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) addFiles(clipboardData.files);
  else complain("There is no picture on the clipboard.");
});
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    const leaves = type === "drop" || (type === "dragleave" && !event.relatedTarget);
    at("source").classList.toggle("over", !leaves);
    if (type === "drop") addFiles(event.dataTransfer.files);
  });
}
await loadModel(MODEL, fetchModel);
