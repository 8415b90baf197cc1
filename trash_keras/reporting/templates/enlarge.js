"use strict";
// A click on an image opens it large, with those of its list before and after it.
(() => {
  const dialog = document.getElementById("large");
  let open = null;

  function show(item) {
    if (!item) return;
    open = item;
    const images = [...item.querySelectorAll("img")].map((image) => image.cloneNode());
    dialog.querySelector(".pair").replaceChildren(...images);
    dialog.querySelector("p").textContent = item.querySelector(".caption").textContent;
    for (const button of dialog.querySelectorAll("[data-step]")) {
      button.disabled = !beside(Number(button.dataset.step));
    }
    if (!dialog.open) dialog.showModal();
  }

  function beside(step) {
    const items = [...open.parentElement.children].filter((item) => item.querySelector("img"));
    return items[items.indexOf(open) + step];
  }

  for (const pair of document.querySelectorAll(".cards .pair")) {
    if (!pair.querySelector("img")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pair";
    button.title = "Open large";
    button.append(...pair.childNodes);
    button.addEventListener("click", () => show(button.closest("li")));
    pair.replaceWith(button);
  }
  for (const button of dialog.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => show(beside(Number(button.dataset.step))));
  }
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) show(beside(step));
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
})();
