/** A window as it is saved: numbers as text, since JSON has no NaN, no infinities and no -0. */
export interface SavedWindow {
  values: string[];
  next: number;
}

/**
 * The last values of a series and their mean, at a constant cost for each.
 *
 * Nothing is ever subtracted, so no rounding error builds up, and a NaN, an infinity or a huge value leaves no trace once it has left.
 * The window is a ring; once a turn, the sums from each place to its end are made, and with the sum of what has come since the
 * turn began they give the sum of the window.
 */
export class Window {
  readonly #size: number;
  #values: number[] = [];
  /** Where the oldest value is, once the window is full. */
  #next = 0;
  /** Of the values before `#next`, or of all as long as the window is not full. */
  #sum = 0;
  /** At index i the sum of the values from i to the end, for each i beyond `#next`. */
  #sumsToEnd: Float64Array | undefined;

  /** @param size how many values, at least 1 */
  constructor(size: number) {
    this.#size = size;
  }

  /**
   * A window as {@linkcode save} wrote it. One of another size keeps its last values, as many as fit.
   *
   * @param size of the new window
   * @param savedSize of the saved one
   * @throws {Error} if it is none
   */
  static load(size: number, { values, next }: SavedWindow, savedSize: number): Window {
    if (!Number.isInteger(savedSize) || savedSize < 1) throw new Error(`a window cannot be of the size ${savedSize}`);
    if (!Array.isArray(values) || values.length > savedSize) {
      throw new Error(`a window must hold at most ${savedSize} values`);
    }
    if (!Number.isInteger(next) || next < 0 || next > 0 && (next >= savedSize || values.length < savedSize)) {
      throw new Error(`the oldest value cannot be at ${next}`);
    }
    const window = new Window(size);
    window.#values = values.map(fromText);
    if (size === savedSize) window.#next = next;
    else window.#values = [...window.#values.slice(next), ...window.#values.slice(0, next)].slice(-size);
    const end = window.#values.length < size ? window.#values.length : window.#next;
    for (let i = 0; i < end; i++) window.#sum += window.#values[i];
    if (window.#next > 0) window.#sumToEnd(window.#next);
    return window;
  }

  save(): SavedWindow {
    return { values: this.#values.map(toText), next: this.#next };
  }

  /** Adds a value, lets the oldest go where the window is full, and returns the mean. */
  add(value: number): number {
    const values = this.#values;
    if (values.length < this.#size) {
      values.push(value);
      this.#sum += value;
      return this.#sum / values.length;
    }
    if (this.#next === 0) {
      this.#sum = 0;
      this.#sumToEnd(1);
    }
    values[this.#next++] = value;
    this.#sum += value;
    if (this.#next < this.#size) return (this.#sum + this.#sumsToEnd![this.#next]) / this.#size;
    this.#next = 0;
    return this.#sum / this.#size;
  }

  /** Makes the sums from each place to the end, down to this place. */
  #sumToEnd(first: number): void {
    const sums = this.#sumsToEnd ??= new Float64Array(this.#size);
    let sum = 0;
    for (let i = this.#size - 1; i >= first; i--) sums[i] = sum += this.#values[i];
  }
}

function toText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

function fromText(text: unknown): number {
  if (typeof text === "string" && text.trim() !== "") {
    const value = Number(text);
    if (!Number.isNaN(value) || text === "NaN") return value;
  }
  throw new Error(`${JSON.stringify(text)} is no value of a window`);
}
