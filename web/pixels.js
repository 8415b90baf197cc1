// Any image -> the square that the model takes, bit for bit as trash_keras/data/decoding.py makes
// it, but for large JPEGs, whose blocks it averages: antialiased bilinear interpolation (a triangle
// filter), first across, then down, each rounded to whole levels, with coefficients in fixed point.

export const RESIZES = ["stretch", "crop", "pad"];
const PAD_VALUE = 127;
const BITS = 22; // after the point, of coefficients; 255 of them are below 2 ** 31
const HALF = 2 ** (BITS - 1);
const STRIP_PIXELS = 2 ** 20; // what is held at once of a large photograph, before it is smaller

/**
 * Makes an image square.
 * @param {(top: number, rows: number) => Uint8ClampedArray} readRows RGBA of whole rows.
 * @param {number} width Of the image, pixels.
 * @param {number} height Of the image, pixels.
 * @param {number} side Of the square, pixels.
 * @param {string} resize One of RESIZES.
 * @returns {Uint8Array} [side, side, 3], RGB.
 */
export function toSquare(readRows, width, height, side, resize) {
  const place = placement(width, height, side, resize);
  const across = triangles(width, place.left, place.right, place.width);
  const down = triangles(place.lastRow - place.firstRow, place.top, place.bottom, place.height);
  const narrow = squeeze(readRows, width, place.firstRow, place.lastRow, across);
  const square = new Uint8Array(side * side * 3).fill(PAD_VALUE);
  const bar = Math.floor((side - place.height) / 2);
  const margin = Math.floor((side - place.width) / 2);
  const step = place.width * 3;
  down.forEach(({ start, shares }, row) => {
    const target = ((bar + row) * side + margin) * 3;
    for (let value = 0; value < step; value++) {
      let sum = HALF;
      let source = start * step + value;
      for (const share of shares) {
        sum += narrow[source] * share;
        source += step;
      }
      square[target + value] = sum >> BITS;
    }
  });
  return square;
}

/**
 * Which box of the image is kept, and the height and width it gets in the square. The rows that it
 * is made of are a few more; top and bottom count from the first of these.
 */
export function placement(width, height, side, resize) {
  if (!RESIZES.includes(resize)) {
    throw new Error(`resize must be one of ${RESIZES.join(", ")}. Received: ${resize}`);
  }
  const fitted = resize === "crop" ? Math.min(width, height) : Math.max(width, height);
  const scale = Math.fround(side / fitted);
  const axis = (pixels) => {
    const whole = resize === "stretch" ? side
      : Math.max(halfToEven(Math.fround(pixels * scale)), 1);
    const kept = Math.min(whole, side);
    const first = Math.floor((whole - kept) / 2);
    const start = (first * pixels) / whole;
    return { kept, start, end: Math.min(((first + kept) * pixels) / whole, pixels) };
  };
  const [columns, rows] = [axis(width), axis(height)];
  const reach = (rows.end - rows.start) / rows.kept + 1;
  const firstRow = Math.max(Math.trunc(rows.start - reach), 0);
  const lastRow = Math.min(Math.ceil(rows.end + reach), height);
  // Pillow takes the box in single precision.
  const [left, right] = [columns.start, columns.end].map(Math.fround);
  const [top, bottom] = [rows.start - firstRow, rows.end - firstRow].map(Math.fround);
  return { width: columns.kept, height: rows.kept, left, right, top, bottom, firstRow, lastRow };
}

/** For each pixel of the result, the first pixel that it is made of, and the share of each. */
function triangles(pixels, start, end, count) {
  const scale = Math.fround(end - start) / count;
  const support = Math.max(scale, 1);
  return Array.from({ length: count }, (_, index) => {
    const centre = start + (index + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), pixels);
    const shares = new Float64Array(last - first);
    let sum = 0;
    for (let pixel = 0; pixel < shares.length; pixel++) {
      const distance = Math.abs((pixel + first - centre + 0.5) * (1 / support));
      shares[pixel] = Math.max(1 - distance, 0);
      sum += shares[pixel];
    }
    const fixed = (share) => Math.trunc(share / sum * 2 ** BITS + 0.5);
    return { start: first, shares: Int32Array.from(shares, sum ? fixed : () => 0) };
  });
}

/** Makes rows of the image as narrow as the square: bytes [last - first, columns, 3]. */
function squeeze(readRows, width, first, last, across) {
  const narrow = new Uint8Array((last - first) * across.length * 3);
  const rows = Math.max(Math.floor(STRIP_PIXELS / width), 1);
  let target = 0;
  for (let top = first; top < last; top += rows) {
    const count = Math.min(rows, last - top);
    const strip = readRows(top, count);
    for (let row = 0; row < count; row++) {
      for (const { start, shares } of across) {
        let source = (row * width + start) * 4;
        let [red, green, blue] = [HALF, HALF, HALF];
        for (let pixel = 0; pixel < shares.length; pixel++, source += 4) {
          const share = shares[pixel];
          red += strip[source] * share;
          green += strip[source + 1] * share;
          blue += strip[source + 2] * share;
        }
        narrow[target++] = red >> BITS;
        narrow[target++] = green >> BITS;
        narrow[target++] = blue >> BITS;
      }
    }
  }
  return narrow;
}

/** To the nearest whole number; of two as near, the even one, as NumPy and TensorFlow do. */
export function halfToEven(value) {
  const up = Math.round(value);
  return up - value === 0.5 && up % 2 !== 0 ? up - 1 : up;
}
