// The metadata of a .tflite file: classes, size and threshold, in a zip archive that trash_keras
// appends to the flatbuffer, and the scale of a quantized output, inside the flatbuffer.

const METADATA = "trash_keras.json";
const END = { mark: 0x06054b50, size: 22 };
const ENTRY = { mark: 0x02014b50, size: 46 };
const LOCAL_SIZE = 30;
const MAX_COMMENT = 0xffff;

/**
 * Reads the metadata.
 * @param {Uint8Array} bytes The file.
 * @returns {Promise<object>} As `trash_keras.metadata.ModelMetadata` has it.
 */
export async function readMetadata(bytes) {
  const found = await readEntry(bytes, METADATA).catch(() => null);
  if (!found) throw new Error("This is not a trash_keras model: its metadata is missing.");
  const metadata = JSON.parse(new TextDecoder().decode(found));
  return { threshold: 0, set_threshold: null, ...metadata };
}

async function readEntry(bytes, name) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - END.size;
  const lowest = Math.max(end - MAX_COMMENT, 0);
  while (end >= lowest && view.getUint32(end, true) !== END.mark) end--;
  if (end < lowest) return null;
  const start = end - view.getUint32(end + 12, true);
  const shift = start - view.getUint32(end + 16, true); // of an archive that was glued on as it was
  for (let entry = start; view.getUint32(entry, true) === ENTRY.mark;) {
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map(
      (field) => view.getUint16(entry + field, true));
    const nameBytes = bytes.subarray(entry + ENTRY.size, entry + ENTRY.size + nameSize);
    if (new TextDecoder().decode(nameBytes) === name) {
      const local = view.getUint32(entry + 42, true) + shift;
      const data = local + LOCAL_SIZE + view.getUint16(local + 26, true)
        + view.getUint16(local + 28, true);
      const content = bytes.subarray(data, data + view.getUint32(entry + 20, true));
      return view.getUint16(entry + 10, true) ? inflate(content) : content;
    }
    entry += ENTRY.size + nameSize + extraSize + commentSize;
  }
  return null;
}

async function inflate(content) {
  const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Reads scale and zero point of the first output (schema.fbs of TFLite, version 3).
 * @param {Uint8Array} bytes The file.
 * @returns {{scale: number, zeroPoint: number}} 1 and 0 where it is not quantized.
 */
export function outputQuantization(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const follow = (place) => place + view.getUint32(place, true);
  const field = (table, index) => {
    const offsets = table - view.getInt32(table, true);
    const slot = 4 + 2 * index;
    const offset = slot < view.getUint16(offsets, true) && view.getUint16(offsets + slot, true);
    return offset ? follow(table + offset) : 0; // all that is read here are tables and vectors
  };
  const item = (vector, index) => follow(vector + 4 + 4 * index);
  const graph = item(field(follow(0), 2), 0);
  const output = view.getInt32(field(graph, 2) + 4, true);
  const quantization = field(item(field(graph, 0), output), 4);
  const scales = quantization && field(quantization, 2);
  if (!scales || !view.getUint32(scales, true)) return { scale: 1, zeroPoint: 0 };
  const zeroPoints = field(quantization, 3);
  return {
    scale: view.getFloat32(scales + 4, true),
    zeroPoint: zeroPoints ? Number(view.getBigInt64(zeroPoints + 4, true)) : 0,
  };
}
