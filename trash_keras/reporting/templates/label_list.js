"use strict";
// Images whose label is wrong, or that are one too many, are ticked, and make a list for
// `trash-keras prepare --apply`.
(() => {
  const bar = document.querySelector("[data-classes]");
  const classes = JSON.parse(bar.dataset.classes);
  const ticked = new Map(); // file -> its row
  const fields = []; // an image can be on the page twice

  function cell(text) {
    // A spreadsheet would run what begins like a formula.
    const safe = /^[=+\-@\t\r']/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  function refresh() {
    for (const [file, tick, choice] of fields) {
      const row = ticked.get(file);
      tick.checked = Boolean(row);
      choice.hidden = !row;
      if (row) choice.value = row.newLabel;
    }
    bar.hidden = !ticked.size;
    bar.querySelector("output").textContent =
      `${ticked.size} ${bar.dataset.what}${ticked.size === 1 ? "" : "s"}`;
  }

  function add(item) {
    const { file, label, prediction, reason } = item.dataset;
    const tick = document.createElement("input");
    tick.type = "checkbox";
    const words = document.createElement("label");
    words.append(tick, ` ${bar.dataset.question}`);
    const choice = document.createElement("select");
    choice.setAttribute("aria-label", `What to do with ${file}`);
    const others = classes.filter((name) => name !== label);
    choice.append(new Option("Leave it out", ""));
    choice.append(...others.map((name) => new Option(`It is ${name}`, name)));
    const first = prediction === label ? "" : prediction;
    tick.addEventListener("change", () => {
      if (tick.checked) ticked.set(file, { label, reason, newLabel: first });
      else ticked.delete(file);
      refresh();
    });
    choice.addEventListener("change", () => {
      ticked.get(file).newLabel = choice.value;
      refresh();
    });
    const field = document.createElement("div");
    field.className = "wrong-label";
    field.append(words, choice);
    item.append(field);
    fields.push([file, tick, choice]);
  }

  for (const item of document.querySelectorAll("[data-file]")) add(item);
  bar.querySelector("[data-clear]").addEventListener("click", () => {
    ticked.clear();
    refresh();
  });
  bar.querySelector("[data-save]").addEventListener("click", () => {
    const rows = [...ticked].map(([file, { label, reason, newLabel }]) =>
      [file, label, newLabel ? "relabel" : "drop", newLabel, reason]);
    const head = ["file", "label", "action", "new_label", "reason"];
    const text = [head, ...rows].map((row) => `${row.map(cell).join(",")}\n`).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = bar.dataset.list;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  refresh();
})();
