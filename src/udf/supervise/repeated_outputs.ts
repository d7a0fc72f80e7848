import type { Batch } from "../batcher.ts";
import type { Point } from "../point.ts";

/** Outputs that are remembered; beyond these, what comes after a restart is handed on again. */
const MAX_OUTPUTS = 4_000_000;

/**
 * Finds what a UDF sends a second time after a restart: it gets all input since its last snapshot again, and a UDF that
 * is deterministic answers as it did. Points are compared in their order, whatever the order of their tags and fields.
 */
export class RepeatedOutputs {
  /** Hashes of what was handed on since the last snapshot. */
  #sent: number[] = [];
  /** How many of them this UDF has sent. */
  #position = 0;
  /** The first difference ends the comparison until the next snapshot. */
  #differs = false;
  #points = 0;

  /** Points that were not handed on a second time. */
  get points(): number {
    return this.#points;
  }

  /** Whether a point or a batch has been handed on before; if not, it is from now on. */
  isRepeated(output: Point | Batch): boolean {
    if (this.#differs || this.#sent.length >= MAX_OUTPUTS) return false;
    const hash = hashOf("points" in output ? batchText(output) : pointText(output));
    if (this.#position < this.#sent.length && this.#sent[this.#position] === hash) {
      this.#position++;
      this.#points += "points" in output ? output.points.length : 1;
      return true;
    }
    if (this.#position < this.#sent.length) {
      this.#differs = true;
      this.#sent = [];
    } else {
      this.#sent.push(hash);
      this.#position++;
    }
    return false;
  }

  /** The UDF has given a snapshot: what it sent before does not come again. */
  saved(): void {
    // What one before it has sent beyond that still comes again.
    this.#sent.splice(0, this.#position);
    this.#position = 0;
    this.#differs = false;
  }

  /** The UDF has died: the next one begins at its last snapshot. */
  died(): void {
    this.#position = 0;
  }
}

function pointText(point: Point): string {
  const tags = [...point.tags].map((pair) => JSON.stringify(pair)).sort();
  const fields = Array.from(point.fields(), ([key, value]) => `${JSON.stringify(key)}${typeof value}${value}`).sort();
  return JSON.stringify([point.name, String(point.time), point.group, point.database, point.retentionPolicy]) +
    tags.join() + fields.join();
}

function batchText({ begin, points, end }: Batch): string {
  return [begin.name, begin.group, end.tmax, ...points.map(pointText)].join("\n");
}

/** Returns 53 bits of two FNV-1a hashes, the second of which sees the text from its end. */
function hashOf(text: string): number {
  let forward = 0x811c9dc5, backward = 0x811c9dc5;
  for (let i = 0, j = text.length - 1; j >= 0; i++, j--) {
    forward = Math.imul(forward ^ text.charCodeAt(i), 0x01000193);
    backward = Math.imul(backward ^ text.charCodeAt(j), 0x01000193);
  }
  return (backward & 0x1fffff) * 2 ** 32 + (forward >>> 0);
}
