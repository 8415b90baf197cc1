// The page's side of image_worker.js.

export class ImageReader {
  #worker = new Worker("image_worker.js", { type: "module" });
  #waiting = new Map();
  #count = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, error, ...image } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(image);
    };
    this.#worker.onerror = () => {
      const error = new Error("This browser can't read images in the background. Update it.");
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
  }

  /**
   * Reads an image.
   * @param {Blob | ImageBitmap} source A file, or a frame, which is closed.
   * @param {{image_size: number, resize: string}} metadata What the model takes.
   * @returns {Promise<{square: Uint8Array, shown: ImageBitmap, width: number, height: number,
   *   milliseconds: number}>} RGB [side, side, 3] for the model; a small one to show.
   */
  read(source, metadata) {
    const id = this.#count++;
    const moved = source instanceof ImageBitmap ? [source] : [];
    const request = { id, source, side: metadata.image_size, resize: metadata.resize };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(request, moved);
    });
  }
}
