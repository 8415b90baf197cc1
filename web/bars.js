// The probability of every class, as bars.

import { percent } from "./answer.js";

/**
 * Fills a list with bars in the order of the classes, so that answers can be compared by eye.
 * @param {HTMLUListElement} list
 * @param {import("./answer.js").Answer} answer
 * @param {object} contract Of the model.
 */
export function showBars(list, answer, contract) {
  const rows = contract.class_names.map((name, index) => {
    const { probability } = answer.ranked.find((found) => found.index === index);
    const row = document.createElement("li");
    row.classList.toggle("best", index === answer.best.index);
    row.dataset.probability = probability;
    const track = element("span", "track");
    const fill = element("span", "fill");
    fill.style.inlineSize = `${100 * probability}%`;
    track.append(fill);
    if (contract.threshold > 0) {
      const limit = element("span", "limit");
      limit.style.insetInlineStart = `${100 * contract.threshold}%`;
      track.append(limit);
    }
    row.append(element("span", "name", name), track, element("span", "share", percent(probability)));
    return row;
  });
  list.replaceChildren(...rows);
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
