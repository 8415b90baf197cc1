// The camera: its frames are classified a few times a second, and kept on demand.

const PAUSE = 250; // milliseconds from a prediction to the next frame, to save a phone's battery
const CONSTRAINTS = { video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false };
const REASONS = {
  NotAllowedError: "The camera was not allowed. Allow it for this page in the browser's settings.",
  NotFoundError: "There is no camera on this device.",
  NotReadableError: "The camera is in use by another program.",
};

export class Camera {
  #stream;

  /**
   * @param {HTMLVideoElement} video Shows what it sees.
   * @param {(frame: ImageBitmap) => Promise<void>} look Called for frame after frame.
   */
  constructor(video, look) {
    this.video = video;
    this.look = look;
  }

  get open() {
    return Boolean(this.#stream);
  }

  /** Starts it; fails with a message for people. */
  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("The camera needs a page from https or from this device: start the server "
        + "with --https, or choose a photograph.");
    }
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The camera can't be used: ${error.message}`);
    }
    this.video.srcObject = this.#stream;
    await this.video.play();
  }

  /** Shows frames to `look` until it is stopped; rests while nobody sees the page. */
  async watch() {
    const stream = this.#stream;
    while (stream && stream === this.#stream) {
      if (!document.hidden) await this.look(await this.frame());
      await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
    }
  }

  /** What the viewfinder shows now: the square in the middle, as style.css cuts it. */
  frame() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const side = Math.min(width, height);
    const [left, top] = [width, height].map((length) => Math.floor((length - side) / 2));
    return createImageBitmap(this.video, left, top, side, side);
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = undefined;
    this.video.srcObject = null;
  }
}
