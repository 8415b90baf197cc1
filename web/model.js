// A .tflite file -> probabilities, by LiteRT.js.

import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";
import { outputQuantization, readMetadata } from "./model_file.js";

const INPUTS = { float32: Float32Array, uint8: Uint8Array };
const RUNTIME = "runtime/litert_wasm_compat_internal.js"; // runs in every browser
let runtime; // of the page; loaded with the first model

export class Model {
  #compiled;
  #input;
  #quantization;

  /** Use Model.load. */
  constructor(compiled, metadata, bytes) {
    [this.#input] = compiled.getInputDetails();
    this.#compiled = compiled;
    this.#quantization = outputQuantization(bytes);
    this.metadata = metadata;
    this.bytes = bytes.length;
    this.precision = this.#input.dtype;
    if (!(this.precision in INPUTS)) throw new Error(`The model takes ${this.precision} pixels.`);
  }

  /**
   * Loads a model.
   * @param {Uint8Array} bytes A .tflite file that trash-keras export wrote.
   * @returns {Promise<Model>}
   */
  static async load(bytes) {
    const metadata = await readMetadata(bytes);
    await startRuntime();
    // On the processor: a graphics card computes in half precision, and predictions differ.
    const compiled = await loadAndCompile(bytes, { accelerator: "wasm" });
    return new Model(compiled, metadata, bytes);
  }

  /**
   * Classifies an image.
   * @param {Uint8Array} square RGB, [side, side, 3].
   * @returns {Promise<Float32Array>} Probabilities in the order of metadata.class_names.
   */
  async classify(square) {
    const input = new Tensor(INPUTS[this.precision].from(square), [...this.#input.shape]);
    try {
      const [output] = await this.#compiled.run(input);
      const { scale, zeroPoint } = this.#quantization;
      const found = Float32Array.from(output.toTypedArray(), (level) => (level - zeroPoint) * scale);
      output.delete();
      return found;
    } finally {
      input.delete();
    }
  }

  /** Gives its memory back. */
  delete() {
    this.#compiled.delete();
  }
}

async function startRuntime() {
  if (typeof WebAssembly !== "object") {
    throw new Error("This browser has no WebAssembly, which the model runs in. Switch it on, or "
      + "use another browser.");
  }
  // LiteRT logs its start; that is no error.
  self.Module = { print() {}, printErr: (text) => console.debug(text) };
  runtime ??= loadLiteRt(new URL(RUNTIME, document.baseURI).href)
    .catch((error) => {
      runtime = undefined;
      throw new Error("LiteRT.js can't be loaded. Use trash-keras demo.",
        { cause: error });
    });
  await runtime;
}
