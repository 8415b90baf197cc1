// The probability of every class, as bars.

import { percent } from "./prediction.js";

/**
 * Fills a list with bars in the order of the classes, so that predictions can be compared by eye.
 * @param {HTMLUListElement} list
 * @param {import("./prediction.js").Prediction} prediction
 * @param {object} metadata Of the model.
 */
export function showBars(list, prediction, metadata) {
  const rows = metadata.class_names.map((name, index) => {
    const { probability } = prediction.ranked.find((found) => found.index === index);
    const row = document.createElement("li");
    row.classList.toggle("best", index === prediction.best.index);
    row.dataset.probability = probability;
    const track = element("span", "track");
    const fill = element("span", "fill");
    fill.style.inlineSize = `${100 * probability}%`;
    track.append(fill);
    if (metadata.threshold > 0) {
      const limit = element("span", "limit");
      limit.style.insetInlineStart = `${100 * metadata.threshold}%`;
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
