/** A window as it is saved: numbers as text, since JSON has no NaN, no infinities and no -0. */
export interface SavedWindow {
  values: string[];
  next: number;
  sum: string;
}

/** The last values of a series and their mean, at a constant cost for each. */
export class Window {
  readonly #size: number;
  #values: number[] = [];
  /** Where the oldest value is, once the window is full. */
  #next = 0;
  /** Of the finite values. */
  #sum = 0;
  #nonFinite = 0;

  /** @param size how many values, at least 1 */
  constructor(size: number) {
    this.#size = size;
  }

  /** A window as {@linkcode save} wrote it. Throws if it is none. */
  static load(size: number, saved: SavedWindow): Window {
    const window = new Window(size);
    const { values, next } = saved;
    if (!Array.isArray(values) || values.length > size || !Number.isInteger(next) || next < 0 || next >= size) {
      throw new Error(`a window must hold at most ${size} values`);
    }
    window.#values = values.map(Number);
    window.#next = next;
    window.#sum = Number(saved.sum);
    window.#nonFinite = window.#values.filter((value) => !Number.isFinite(value)).length;
    return window;
  }

  save(): SavedWindow {
    return { values: this.#values.map(toText), next: this.#next, sum: toText(this.#sum) };
  }

  /** Adds a value, lets the oldest go where the window is full, and returns the mean. */
  add(value: number): number {
    if (this.#values.length < this.#size) {
      this.#values.push(value);
    } else {
      const oldest = this.#values[this.#next];
      this.#values[this.#next] = value;
      this.#next = (this.#next + 1) % this.#size;
      if (Number.isFinite(oldest)) this.#sum -= oldest;
      else this.#nonFinite--;
    }
    if (Number.isFinite(value)) this.#sum += value;
    else this.#nonFinite++;
    if (this.#nonFinite > 0) return sum(this.#values) / this.#values.length;
    // Rounding errors of a running sum add up; once a turn it is made anew, and whenever it has overflowed.
    if (this.#next === 0 || !Number.isFinite(this.#sum)) this.#sum = sum(this.#values);
    return this.#sum / this.#values.length;
  }
}

function sum(values: number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function toText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
