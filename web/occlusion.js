// Which regions of an image a prediction depends on: occlusion sensitivity (Zeiler and Fergus,
// 2014). A .tflite file has no gradients, so regions are covered one after the other, with an
// inference for each.

const CELLS = 12; // of the map, in each direction
const PATCH = 3; // cells that are covered at once, in each direction
const PLACES = CELLS - PATCH + 1;
export const RUNS = PLACES * PLACES;

/**
 * Measures how much a class loses where the image is covered.
 * @param {Uint8Array} square RGB, [side, side, 3].
 * @param {number} side Pixels.
 * @param {number} before Probability of the class for the whole image.
 * @param {(square: Uint8Array) => Promise<number>} probability Of the class.
 * @param {(done: number) => void} report Called after each of RUNS inferences.
 * @param {AbortSignal} signal Ends it with the signal's reason.
 * @returns {Promise<{map: Float32Array, cells: number, largest: number}>} map [cells, cells], 0..1:
 *   the mean loss under all patches that cover a cell, over the largest of these; `largest` is the
 *   greatest loss under one patch, in probability.
 */
export async function occlusion(square, side, before, probability, report, signal) {
  const fill = meanColour(square);
  const losses = new Float32Array(CELLS * CELLS);
  const patches = new Float32Array(CELLS * CELLS);
  let largest = 0;
  for (let run = 0; run < RUNS; run++) {
    const [row, column] = [Math.floor(run / PLACES), run % PLACES];
    const loss = before - await probability(covered(square, side, row, column, fill));
    largest = Math.max(largest, loss);
    for (let down = row; down < row + PATCH; down++) {
      for (let across = column; across < column + PATCH; across++) {
        losses[down * CELLS + across] += loss;
        patches[down * CELLS + across] += 1;
      }
    }
    report(run + 1);
    await new Promise((resolve) => { setTimeout(resolve); }); // the page stays alive in between
    signal.throwIfAborted();
  }
  const means = losses.map((loss, cell) => Math.max(loss / patches[cell], 0));
  const most = Math.max(...means);
  return { map: means.map((mean) => (most ? mean / most : 0)), cells: CELLS, largest };
}

function meanColour(square) {
  const sums = [0, 0, 0];
  square.forEach((level, index) => { sums[index % 3] += level; });
  return sums.map((sum) => Math.round((3 * sum) / square.length));
}

function covered(square, side, row, column, fill) {
  const changed = square.slice();
  const [top, left, bottom, right] = [row, column, row + PATCH, column + PATCH].map(
    (cell) => Math.round((cell * side) / CELLS));
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) changed.set(fill, (y * side + x) * 3);
  }
  return changed;
}
