import type { PointShape } from "./input_item.ts";

/** Added to positions that are in {@linkcode PointTexts.own} in place of the input. */
export const OWN = 0x40000000;

/** The bytes in which the texts of a point stand, which are known by their positions. */
export interface PointTexts {
  input: Uint8Array;
  /** Texts that do not stand in the input as they are. */
  readonly own: Uint8Array;
}

/** Shapes that are kept. */
const SLOTS = 1024;

/** A shape with what it is found by. */
interface Shape extends PointShape {
  hash: number;
  /** The name, and for each field its type and its name, each with its length. */
  bytes: Uint8Array;
}

/**
 * Finds the shape of points. That two fields of a shape have different names is looked at once.
 *
 * A fixed number of slots, each with the last shape of that hash: memory is bounded for any input.
 */
export class PointShapes {
  readonly #texts: PointTexts;
  readonly #slots: (Shape | undefined)[] = new Array(SLOTS).fill(undefined);

  constructor(texts: PointTexts) {
    this.#texts = texts;
  }

  /**
   * Finds the shape of a point.
   *
   * @param name where its name is
   * @param count how many fields it has; their types, and where the names of each start and end
   * @returns undefined where two fields have the same name
   */
  find(
    { nameStart, nameEnd }: { nameStart: number; nameEnd: number },
    count: number,
    types: Uint8Array,
    keyStarts: Int32Array,
    keyEnds: Int32Array,
  ): PointShape | undefined {
    let hash = this.#hash(count, nameStart, nameEnd);
    for (let i = 0; i < count; i++) {
      hash = this.#hash(Math.imul(hash, 31) + types[i] | 0, keyStarts[i], keyEnds[i]);
    }
    const slot = (hash ^ hash >>> 11) & SLOTS - 1;
    const shape = this.#slots[slot];
    if (shape !== undefined && shape.hash === hash) {
      const { bytes } = shape;
      let position = this.#matches(bytes, 0, nameStart, nameEnd);
      for (let i = 0; i < count && position >= 0; i++) {
        position = bytes[position] === types[i] ? this.#matches(bytes, position + 1, keyStarts[i], keyEnds[i]) : -1;
      }
      if (position === bytes.length) return shape;
    }
    for (let i = 1; i < count; i++) {
      for (let j = 0; j < i; j++) {
        if (isSameText(this.#texts, keyStarts[i], keyEnds[i], keyStarts[j], keyEnds[j])) return undefined;
      }
    }
    const bytes = this.#textBytes(nameStart, nameEnd);
    for (let i = 0; i < count; i++) bytes.push(types[i], ...this.#textBytes(keyStarts[i], keyEnds[i]));
    const found: Shape = { hash, bytes: new Uint8Array(bytes) };
    this.#slots[slot] = found;
    return found;
  }

  #hash(hash: number, start: number, end: number): number {
    let from = this.#texts.input;
    if (start >= OWN) {
      from = this.#texts.own;
      start -= OWN;
      end -= OWN;
    }
    for (let i = start; i < end; i++) hash = Math.imul(hash, 31) + from[i] | 0;
    return hash;
  }

  /** Where a text with its length that stands at a position of a shape ends there; -1 where another one stands there. */
  #matches(shape: Uint8Array, position: number, start: number, end: number): number {
    const length = end - start;
    if (shape[position] !== (length & 0xff) || shape[position + 1] !== length >>> 8) return -1;
    position += 2;
    let from = this.#texts.input;
    if (start >= OWN) {
      from = this.#texts.own;
      start -= OWN;
    }
    for (let i = 0; i < length; i++) if (shape[position + i] !== from[start + i]) return -1;
    return position + length;
  }

  /** A text with its length before it. */
  #textBytes(start: number, end: number): number[] {
    const { input, own } = this.#texts;
    const text = start >= OWN ? own.subarray(start - OWN, end - OWN) : input.subarray(start, end);
    return [text.length & 0xff, text.length >>> 8, ...text];
  }
}

/** Whether two texts are the same. */
export function isSameText(
  { input, own }: PointTexts,
  start: number,
  end: number,
  otherStart: number,
  otherEnd: number,
): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  const from = start >= OWN ? own : input, other = otherStart >= OWN ? own : input;
  const i = start >= OWN ? start - OWN : start, j = otherStart >= OWN ? otherStart - OWN : otherStart;
  for (let n = end - start; --n >= 0;) if (from[i + n] !== other[j + n]) return false;
  return true;
}
