import type { SharedBuffers } from "./engine_flow.ts";

const FIRST_BYTES = 128 * 1024;
/** Of one buffer. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Buffers that grow to what is asked for. */
export class WorkerBuffers implements SharedBuffers {
  #zeros = new Uint8Array(FIRST_BYTES);
  #scratch = new Uint8Array(FIRST_BYTES);

  zeros(lengthBytes: number): Uint8Array<ArrayBuffer> {
    if (lengthBytes > this.#zeros.length) this.#zeros = new Uint8Array(limited(lengthBytes));
    return this.#zeros.subarray(0, lengthBytes);
  }

  scratch(lengthBytes: number): Uint8Array<ArrayBuffer> {
    if (lengthBytes > this.#scratch.length) this.#scratch = new Uint8Array(limited(lengthBytes));
    return this.#scratch.subarray(0, lengthBytes);
  }
}

function limited(lengthBytes: number): number {
  if (lengthBytes <= MAX_BYTES) return lengthBytes;
  throw new RangeError(`a shared buffer of ${lengthBytes} bytes is over the limit of ${MAX_BYTES}`);
}
