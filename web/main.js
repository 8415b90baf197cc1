// Puts the parts of the page together.

import { Camera } from "./camera.js";
import { failureCard, predictionCard, tally } from "./cards.js";
import { csvOf, download } from "./csv.js";
import { ImageReader } from "./image_reader.js";
import { LiveView } from "./live.js";
import { Model } from "./model.js";
import { keepOffline } from "./offline.js";
import { Prediction, percent } from "./prediction.js";
import { readFacts, showAddress, showExamples, showProject } from "./surroundings.js";

const MODEL = "model.tflite"; // beside the page
const at = (id) => document.getElementById(id);
const images = new ImageReader();
const camera = new Camera(at("video"), lookAt);
const live = new LiveView(at("camera"));
const answers = new Map(); // card -> what a line of the CSV file says of it
const facts = await readFacts();
let model;
let working = Promise.resolve(); // images are classified one after the other
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
    showExamples(at("examples"), facts.examples ?? [], model.metadata.class_names,
      (image) => add([image]));
    say(`Ready: ${model.metadata.class_names.join(", ")}`);
  } catch (error) {
    console.debug(error);
    complain(`${file} can't be used. ${error.message}`);
    say(model ? "The previous model stays loaded." : "");
  }
  for (const id of ["choose", "open-camera"]) at(id).disabled = !model;
}

async function fetchModel() {
  const response = await fetch(MODEL);
  if (!response.ok) throw new Error(`There is no ${MODEL} beside this page; choose a file below.`);
  return { name: facts.model ?? MODEL, bytes: new Uint8Array(await response.arrayBuffer()) };
}

function describe(name, milliseconds) {
  const { metadata } = model;
  const side = metadata.image_size;
  const rows = {
    File: `${name}, ${(model.bytes / 1e6).toFixed(1)} MB`,
    Classes: metadata.class_names.join(", "),
    Input: `${side} × ${side} pixels, ${metadata.resize}, ${model.precision}`,
    Unsure: metadata.threshold > 0 ? `up to ${percent(metadata.threshold)}` : "never",
    Runtime: `LiteRT.js, WebAssembly; loaded in ${(milliseconds / 1000).toFixed(1)} s`,
  };
  at("facts").replaceChildren(...Object.entries(rows).map(([term, fact]) => {
    const pair = document.createElement("div");
    for (const [tag, text] of [["dt", term], ["dd", fact]]) {
      pair.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    return pair;
  }));
  at("limit").textContent = metadata.threshold > 0
    ? `The line in the bars is the threshold: up to ${percent(metadata.threshold)} the model is `
      + "not sure (selective classification: it abstains)." : "";
}

async function predict(source) {
  const image = await images.read(source, model.metadata);
  const start = performance.now();
  const probabilities = await model.classify(image.square);
  return { image, probabilities, milliseconds: performance.now() - start };
}

/** Classifies images, each with a card above those of earlier ones. */
function add(sources) {
  if (!model || !sources.length) return;
  complain();
  const below = at("predictions").firstElementChild;
  waiting += sources.length;
  for (const [index, { name, source }] of sources.entries()) {
    working = working.then(async () => {
      say(`Classifying ${name}${waiting > 1 ? `, ${waiting} to go` : ""} …`, true);
      const card = await cardFor(name, source);
      at("results").hidden = false;
      document.body.classList.add("has-results");
      at("predictions").insertBefore(card, below?.parentNode ? below : null);
      if (!index) reveal(card);
      waiting -= 1;
      if (!waiting) say(sources.length > 1 ? tally(at("predictions")) : spoken(name, card));
    });
  }
}

async function cardFor(name, source) {
  try {
    const { image, probabilities, milliseconds } = await predict(source);
    const prediction = new Prediction(probabilities, model.metadata);
    const card = predictionCard(name, image, prediction, milliseconds, model);
    card.dataset.words = prediction.words;
    answers.set(card, { name, prediction });
    return card;
  } catch (error) {
    const card = failureCard(name, error.message);
    answers.set(card, { name, error: error.message });
    return card;
  }
}

function reveal(element, block = "nearest") {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block, behavior: still ? "instant" : "smooth" });
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
  add(others.map((file) => ({ name: file.name || "image", source: file })));
}

function clear() {
  answers.clear();
  at("predictions").replaceChildren();
  at("results").hidden = true;
  document.body.classList.remove("has-results");
  say("");
}

async function lookAt(frame) {
  const { probabilities, milliseconds } = await predict(frame);
  if (!camera.open) return;
  const words = live.show(probabilities, milliseconds, model.metadata);
  if (words) say(`The camera sees: ${words}`);
}

async function openCamera() {
  complain();
  try {
    await camera.start();
  } catch (error) {
    complain(error.message);
    return;
  }
  live.clear();
  showCamera(true);
  at("snapshot").focus({ preventScroll: true });
  reveal(at("camera"), "start");
  camera.watch().catch((error) => { closeCamera(); complain(error.message); });
}

function closeCamera() {
  camera.stop();
  showCamera(false);
  at("open-camera").focus();
  say("");
}

function showCamera(shown) {
  at("camera").hidden = !shown;
  at("drop").hidden = shown;
}

at("choose").addEventListener("click", () => at("files").click());
at("other-model").addEventListener("click", () => at("model-file").click());
for (const id of ["files", "model-file"]) {
  at(id).addEventListener("change", ({ target }) => { addFiles(target.files); target.value = ""; });
}
at("clear").addEventListener("click", () => { clear(); at(camera.open ? "snapshot" : "choose").focus(); });
at("save").addEventListener("click", () => {
  const shown = [...at("predictions").children].map((card) => answers.get(card));
  download("predictions.csv", csvOf(shown, model.metadata.class_names));
});
at("open-camera").addEventListener("click", openCamera);
at("close-camera").addEventListener("click", closeCamera);
at("snapshot").addEventListener("click", async () => {
  add([{ name: `Camera, ${new Date().toLocaleTimeString()}`, source: await camera.frame() }]);
});
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) addFiles(clipboardData.files);
  else complain("There is no image on the clipboard.");
});
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    const leaves = type === "drop" || (type === "dragleave" && !event.relatedTarget);
    at("source").classList.toggle("over", !leaves);
    if (type === "drop") addFiles(event.dataTransfer.files);
  });
}
if (matchMedia("(pointer: coarse)").matches && navigator.mediaDevices) {
  // A phone: its camera comes first, for the eye as for the keyboard.
  at("choose").before(at("open-camera"));
  for (const id of ["choose", "open-camera"]) at(id).classList.toggle("primary");
}
showProject(at("project"), facts);
showAddress(at("address"), facts);
if (facts.offline) {
  keepOffline((text) => { at("offline").textContent = text; }).catch(console.debug);
}
await loadModel(MODEL, fetchModel);
