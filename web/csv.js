// Predictions as a CSV file, for spreadsheets.

// A cell that begins like this is a formula to a spreadsheet, and a file name may be anything
// (https://owasp.org/www-community/attacks/CSV_Injection).
const FORMULA = /^(\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])/;
const BYTE_ORDER_MARK = "\ufeff"; // without it Excel takes UTF-8 for something else

/**
 * @param {{name: string, prediction?: import("./prediction.js").Prediction, error?: string}[]}
 *   answers In the order of the lines.
 * @param {string[]} classNames
 * @returns {string} A line for each: file, label, answer in words, why there is none, and the
 *   probability of each class.
 */
export function csvOf(answers, classNames) {
  const header = ["file", "label", "answer", "error", ...classNames].map(cell);
  const lines = answers.map(({ name, prediction, error }) => [
    ...[name, prediction?.label, prediction?.words, error].map(cell),
    ...classNames.map((_, index) => prediction?.ranked.find(
      (found) => found.index === index).probability.toPrecision(6) ?? ""),
  ]);
  return BYTE_ORDER_MARK + [header, ...lines].map((cells) => `${cells.join(",")}\r\n`).join("");
}

function cell(text = "") {
  return `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}

/** Saves a text as a file of the user. */
export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it meanwhile
}
