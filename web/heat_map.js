// A heat map over its image, in the colours of the report
// (trash_keras/reporting/plots/saliency_maps.py).

const STRENGTH = 0.6; // share of the colours; the rest is the image in grey
const UNSEEN = 0.35; // brightness of what the model was not shown
// Inferno of Matplotlib: equal steps of evidence look equally large.
const COLOURS = ["000004", "0b0724", "210c4a", "3d0965", "57106e", "71196e", "8a226a", "a32c61",
  "bc3754", "d24644", "e45a31", "f1731d", "f98e09", "fcac11", "f9cb35", "f2ea69", "fcffa4",
].map((hex) => [0, 2, 4].map((place) => parseInt(hex.slice(place, place + 2), 16)));

/**
 * Draws the overlay.
 * @param {CanvasRenderingContext2D} context Of a canvas of the image's size, with it drawn.
 * @param {{map: Float32Array, cells: number}} found Of the square image.
 * @param {string} resize How the square was made of the image.
 */
export function drawOver(context, { map, cells }, resize) {
  const { width, height } = context.canvas;
  // Width and height of the square, in pixels of this image.
  const [columns, rows] = {
    stretch: [width, height],
    crop: Array(2).fill(Math.min(width, height)),
    pad: Array(2).fill(Math.max(width, height)),
  }[resize];
  const image = context.getImageData(0, 0, width, height);
  const { data } = image;
  for (let y = 0; y < height; y++) {
    const down = (y + 0.5 - height / 2) / rows + 0.5;
    for (let x = 0; x < width; x++) {
      const across = (x + 0.5 - width / 2) / columns + 0.5;
      const pixel = (y * width + x) * 4;
      const grey = 0.299 * data[pixel] + 0.587 * data[pixel + 1] + 0.114 * data[pixel + 2];
      const seen = down >= 0 && down <= 1 && across >= 0 && across <= 1;
      const colour = seen && colourOf(between(map, cells, down, across));
      for (let channel = 0; channel < 3; channel++) {
        data[pixel + channel] = seen ? STRENGTH * colour[channel] + (1 - STRENGTH) * grey
          : UNSEEN * grey;
      }
    }
  }
  context.putImageData(image, 0, 0);
}

/** The map between its cells, bilinearly; places are 0..1 from top and left. */
function between(map, cells, down, across) {
  const [y, x] = [down, across].map(
    (place) => Math.min(Math.max(place * cells - 0.5, 0), cells - 1));
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [bottom, right] = [top, left].map((cell) => Math.min(cell + 1, cells - 1));
  const along = (row) => map[row * cells + left] * (1 - x + left) + map[row * cells + right]
    * (x - left);
  return along(top) * (1 - y + top) + along(bottom) * (y - top);
}

function colourOf(value) {
  const place = value * (COLOURS.length - 1);
  const lower = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[lower].map(
    (level, channel) => level + (COLOURS[lower + 1][channel] - level) * (place - lower));
}
