// Files and video frames -> squares for the model and small images to show, off the page's thread.

import { toSquare } from "./pixels.js";
import { START_BYTES, identify, reason } from "./image_formats.js";

const MAX_MEGAPIXELS = 100; // as --max_megapixels by default
const SHOWN_SIDE = 720; // pixels, the longer side of what is shown

self.onmessage = async ({ data: { id, source, side, resize } }) => {
  try {
    const start = performance.now();
    const bitmap = source instanceof Blob ? await decode(source) : source;
    const { width, height } = bitmap;
    const square = toSquare(rowsOf(bitmap), width, height, side, resize);
    const shown = shrink(bitmap);
    bitmap.close();
    const milliseconds = performance.now() - start;
    self.postMessage({ id, square, shown, width, height, milliseconds }, [square.buffer, shown]);
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
};

async function decode(file) {
  if (!file.size) throw new Error("This file is empty.");
  const kind = identify(new Uint8Array(await file.slice(0, START_BYTES).arrayBuffer()));
  if (!kind) throw new Error(reason(kind));
  let bitmap;
  try {
    // A colour profile is converted to sRGB, as trash_keras/data/colour.py does.
    bitmap = await createImageBitmap(file,
      { imageOrientation: "from-image", colorSpaceConversion: "default" });
  } catch {
    throw new Error(reason(kind));
  }
  const megapixels = (bitmap.width * bitmap.height) / 1e6;
  if (megapixels <= MAX_MEGAPIXELS) return bitmap;
  bitmap.close();
  throw new Error(`${megapixels.toFixed()} megapixels are over the limit of ${MAX_MEGAPIXELS}.`);
}

/** Reads rows of a bitmap; what is transparent lies on white. */
function rowsOf(bitmap) {
  let canvas = new OffscreenCanvas(1, 1);
  return (top, rows) => {
    if (canvas.width !== bitmap.width || canvas.height < rows) {
      canvas = new OffscreenCanvas(bitmap.width, rows);
    }
    const context = onWhite(canvas);
    context.drawImage(bitmap, 0, -top);
    return context.getImageData(0, 0, bitmap.width, rows).data;
  };
}

function shrink(bitmap) {
  const scale = Math.min(SHOWN_SIDE / Math.max(bitmap.width, bitmap.height), 1);
  const size = [bitmap.width, bitmap.height].map((side) => Math.max(Math.round(side * scale), 1));
  const canvas = new OffscreenCanvas(...size);
  const context = onWhite(canvas);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, ...size);
  return canvas.transferToImageBitmap();
}

function onWhite(canvas) {
  // Without a graphics card's help, which has its own rounding.
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return context;
}
