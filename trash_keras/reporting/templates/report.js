"use strict";
(() => {
  // Without this script each cell is a plain link to its images.
  const links = [...document.querySelectorAll("a[data-row]")];
  const panels = new Map(links.map((link) => [link, document.getElementById(link.hash.slice(1))]));
  const status = document.getElementById("status");
  const hint = document.getElementById("hint");
  let open = null;

  function show(link, spoken) {
    open = link;
    for (const [other, panel] of panels) {
      other.setAttribute("aria-expanded", String(other === link));
      panel.classList.toggle("open", other === link);
    }
    hint.hidden = link !== null;
    if (!spoken) return;
    status.textContent = link ? panels.get(link).querySelector("h3").textContent : "Closed";
    if (link) panels.get(link).querySelector("h3").scrollIntoView({ block: "nearest" });
  }

  function neighbour(link, rows, columns) {
    const distance = (other) => (rows ? (other.dataset.row - link.dataset.row) * rows
      : (other.dataset.column - link.dataset.column) * columns);
    const inLine = (other) => (rows ? other.dataset.column === link.dataset.column
      : other.dataset.row === link.dataset.row);
    return links.filter((other) => inLine(other) && distance(other) > 0)
      .sort((one, other) => distance(one) - distance(other))[0];
  }

  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  function press(event) {
    const link = event.currentTarget;
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.key === " ") {
      event.preventDefault();
      link.click();
    } else if (event.key in steps && link.closest("table")) {
      event.preventDefault();
      neighbour(link, ...steps[event.key])?.focus();
    }
  }

  if (!links.length) return;
  document.documentElement.classList.add("scripted");
  for (const link of links) {
    link.setAttribute("role", "button");
    link.setAttribute("aria-controls", link.hash.slice(1));
    link.addEventListener("keydown", press);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(link === open ? null : link, true);
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !open) return;
    open.focus();
    show(null, true);
  });
  // The page opens with the most frequent confusion, so that one sees what a cell does.
  const wrong = links.filter((link) => link.dataset.row !== link.dataset.column);
  const most = Math.max(...wrong.map((link) => Number(link.dataset.count)));
  const named = links.find((link) => link.hash === location.hash);
  show(named ?? wrong.find((link) => Number(link.dataset.count) === most) ?? null, false);
})();
