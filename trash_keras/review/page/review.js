// Shows one image after another, and tells the server what a person says of each.

// Keys of the classes; 0, s and u have other meanings. More classes than keys are reached by Tab.
const KEYS = "123456789abcdefghijklmnopqrtvwxyz";
const at = (id) => document.getElementById(id);
const shown = new Map(); // id -> address of an image that was fetched
let token;
let state;
let busy = false;

function complain(text = "") {
  at("problem").textContent = text;
  at("problem").hidden = !text;
}

/** Asks the server; fails with the line that it says. */
async function ask(path, values) {
  const options = values && {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Review-Token": token },
    body: JSON.stringify(values),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The review has ended. Start the same command again, then reload this page.");
  }
  if (response.ok) return response;
  throw new Error((await response.json()).error);
}

/** Does something that changes the state, one after the other. */
async function act(path, values) {
  if (busy) return;
  busy = true;
  document.body.classList.add("busy");
  let problem = "";
  try {
    state = await (await ask(path, values)).json();
  } catch (error) {
    problem = error.message;
    await refresh();
  }
  complain(await show() || problem);
  document.body.classList.remove("busy");
  busy = false;
}

/** Reads the state; returns what is wrong, if anything is. */
async function refresh() {
  try {
    state = await (await ask("state")).json();
    token = state.token;
    return "";
  } catch (error) {
    return error.message;
  }
}

async function fetched(id) {
  if (!shown.has(id)) shown.set(id, URL.createObjectURL(await (await ask(`images/${id}`)).blob()));
  return shown.get(id);
}

/** Shows the state; returns what became of images that could not be shown. */
async function show() {
  let problem = "";
  const [image] = state.images;
  if (image) {
    try {
      at("image").src = await fetched(image.id);
    } catch (error) { // the server passes it over
      problem = error.message;
      return await refresh() ? problem : await show() || problem;
    }
    at("image").alt = `The image to name: ${image.file}`;
    at("words").textContent = image.words;
    at("file").textContent = image.file;
  }
  const coming = new Set(state.images.map(({ id }) => id));
  for (const [id, address] of shown) {
    if (!coming.has(id)) {
      URL.revokeObjectURL(address);
      shown.delete(id);
    }
  }
  const finishes = !image && at("finished").hidden;
  at("work").hidden = !image;
  at("finished").hidden = Boolean(image);
  showClasses();
  showProgress();
  if (finishes) at("finished-title").focus();
  if (state.images[1]) { // in time for the next answer
    fetched(state.images[1].id).catch(({ message }) => complain(message));
  }
  return problem;
}

function showClasses() {
  at("none-images").textContent = state.none || "";
  const buttons = [...at("classes").children];
  for (const [index, { name, images }] of state.classes.entries()) {
    const button = buttons[index] ?? addButton(index);
    button.dataset.name = name;
    button.children[1].textContent = name;
    button.children[2].textContent = images || "";
  }
  for (const extra of buttons.slice(state.classes.length)) extra.remove();
}

function addButton(index) {
  const button = document.createElement("button");
  button.type = "button";
  const key = document.createElement("kbd");
  key.textContent = KEYS[index] ?? "";
  if (KEYS[index]) button.setAttribute("aria-keyshortcuts", KEYS[index]);
  const number = document.createElement("span");
  number.className = "number";
  button.append(key, document.createElement("span"), number);
  button.addEventListener("click", () => answer(button.dataset.name));
  at("classes").append(button);
  return button;
}

function showProgress() {
  const { named, total, skipped, last, images } = state;
  at("count").textContent = `${named} of ${total}${skipped ? `, ${skipped} skipped` : ""}`;
  at("progress").max = Math.max(total, 1);
  at("progress").value = named;
  at("undo").disabled = !last;
  at("said").textContent = last ? `${last.file}: ${last.class ?? "none of these"}` : "";
  at("again").hidden = !skipped;
  at("finished-title").textContent = skipped ? "Nothing is left but what you skipped"
    : "All images are named";
  at("finished-text").textContent = images.length ? "" : `${named} of ${total} are named.`;
}

function answer(name) {
  const [image] = state.images;
  if (image) act("answer", { image: image.id, class: name });
}

function skip() {
  const [image] = state.images;
  if (image) act("skip", { image: image.id });
}

at("none").addEventListener("click", () => answer(null));
at("skip").addEventListener("click", skip);
at("undo").addEventListener("click", () => act("undo", {}));
at("again").addEventListener("click", () => act("again", {}));
at("new").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = at("name").value.trim();
  if (!name) return;
  at("name").value = "";
  at("name").blur(); // so that keys are answers again
  answer(name);
});
document.addEventListener("keydown", (event) => {
  const { key, target, repeat, ctrlKey, metaKey, altKey } = event;
  if (repeat || ctrlKey || metaKey || altKey || target === at("name") || !state) return;
  if (!at("keys").checked) return;
  if (key === "u" || key === "Backspace") act("undo", {});
  else if (key === "0") answer(null);
  else if (key === "s") skip();
  else {
    const chosen = state.classes[KEYS.indexOf(key.toLowerCase())];
    if (key.length !== 1 || !chosen) return;
    answer(chosen.name);
  }
  event.preventDefault();
});
complain(await refresh() || await show());
