// Which image format some bytes have, as trash_keras/data/formats.py tells it.

export const START_BYTES = 256;
const HEIC_BRANDS = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];

/**
 * @param {Uint8Array} bytes The first START_BYTES of the file, or all.
 * @returns {string} JPEG, PNG, GIF, BMP, TIFF, WebP, AVIF, HEIC, or "" for none of them.
 */
export function identify(bytes) {
  const text = String.fromCharCode(...bytes);
  if (text.startsWith("\xff\xd8\xff")) return "JPEG";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  if (text.startsWith("GIF87a") || text.startsWith("GIF89a")) return "GIF";
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return "TIFF";
  if (text.startsWith("BM") && text.slice(15, 18) === "\0\0\0") return "BMP";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "WebP";
  if (text.slice(4, 8) !== "ftyp") return "";
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const brands = text.slice(8, size).match(/.{4}/gs) ?? [];
  if (brands.includes("avif") || brands.includes("avis")) return "AVIF";
  return brands.some((brand) => HEIC_BRANDS.includes(brand)) ? "HEIC" : "";
}

/** Says why a browser could not read a file. */
export function reason(kind) {
  if (!kind) return "This is not a JPEG, PNG, WebP, BMP, GIF, TIFF, HEIC or AVIF image.";
  if (kind === "HEIC" || kind === "TIFF") {
    return `This browser can't read ${kind} images. Safari can, or save it as JPEG first.`;
  }
  return `This ${kind} image is damaged, cut short or too large for this browser.`;
}
