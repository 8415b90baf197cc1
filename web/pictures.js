// The page's side of pictures_worker.js.

export class Pictures {
  #worker = new Worker("pictures_worker.js", { type: "module" });
  #waiting = new Map();
  #count = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, error, ...picture } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(picture);
    };
    this.#worker.onerror = () => {
      const error = new Error("This browser can't read pictures in the background. Update it.");
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
  }

  /**
   * Reads a picture.
   * @param {Blob | ImageBitmap} source A file, or a frame, which is used up.
   * @param {{image_size: number, resize: string}} contract What the model takes.
   * @returns {Promise<{square: Uint8Array, shown: ImageBitmap, width: number, height: number,
   *   milliseconds: number}>} RGB [side, side, 3] for the model; a small one to show.
   */
  read(source, contract) {
    const id = this.#count++;
    const moved = source instanceof ImageBitmap ? [source] : [];
    const request = { id, source, side: contract.image_size, resize: contract.resize };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage(request, moved);
    });
  }
}
