/// <reference lib="dom" />

/** A part of the time axis, in microseconds since the start of the test. */
export interface TimeRange {
  readonly min: number;
  readonly max: number;
}

/** The shortest part that is shown, in microseconds. */
const MIN_SPAN = 2;

/**
 * What all plots of a page show of time. Plots listen to it, so that to zoom one is to zoom all.
 */
export class TimeView {
  /** All there is to see. */
  readonly full: TimeRange;
  #shown: TimeRange;
  readonly #listeners = new Set<() => void>();
  #frame = 0;

  constructor(full: TimeRange) {
    this.full = full;
    this.#shown = full;
  }

  /** What is shown now. */
  get shown(): TimeRange {
    return this.#shown;
  }

  /** Whether a part of time is out of sight. */
  get zoomed(): boolean {
    return this.#shown !== this.full;
  }

  /** Calls a function at the next frame after a change. */
  listen(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Shows a part of time, as far as there is some. */
  show(min: number, max: number): void {
    const { full } = this;
    const span = Math.min(full.max - full.min, Math.max(MIN_SPAN, max - min));
    if (span >= (full.max - full.min) * 0.9999) return this.reset();
    const from = Math.max(full.min, Math.min(full.max - span, (min + max - span) / 2));
    this.#set({ min: from, max: from + span });
  }

  /**
   * Shows more or less.
   *
   * @param factor of the span: less than 1 zooms in
   * @param at the time that stays where it is
   */
  zoom(factor: number, at: number = (this.#shown.min + this.#shown.max) / 2): void {
    const { min, max } = this.#shown;
    // At its narrowest, the part must not wander.
    const least = Math.max(factor, MIN_SPAN / (max - min));
    this.show(at - (at - min) * least, at + (max - at) * least);
  }

  /** Shows what is earlier or later, by a share of the span. */
  pan(share: number): void {
    const { min, max } = this.#shown;
    if (this.zoomed) this.show(min + (max - min) * share, max + (max - min) * share);
  }

  /** Shows everything. */
  reset(): void {
    this.#set(this.full);
  }

  #set(shown: TimeRange): void {
    this.#shown = shown;
    this.changed();
  }

  /** Has everything drawn anew at the next frame. */
  changed(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const listener of this.#listeners) listener();
    });
  }
}
