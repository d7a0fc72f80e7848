import { MAX_EXACT, RAW } from "./chunk_format.ts";

/** Which form a column takes. */
export interface ColumnForm {
  /** See chunk_format.ts. */
  order: number;
  /** Bytes of each value. */
  width: number;
  /** The smallest of what is written. */
  min: number;
}

/** Finds the form in which the first `count` values take the fewest bytes; written to `form`. */
export function chooseForm(values: Float64Array, count: number, form: ColumnForm): void {
  form.order = RAW;
  form.width = 0;
  form.min = 0;
  let previous = values[0];
  if (previous !== Math.floor(previous)) return;
  let min = previous, max = previous;
  let minStep = Infinity, maxStep = -Infinity, minTurn = Infinity, maxTurn = -Infinity;
  let previousStep = 0;
  for (let i = 1; i < count; i++) {
    const value = values[i];
    if (value !== Math.floor(value)) return; // also for NaN
    if (value < min) min = value;
    else if (value > max) max = value;
    const step = value - previous;
    if (step < minStep) minStep = step;
    if (step > maxStep) maxStep = step;
    if (i > 1) {
      const turn = step - previousStep;
      if (turn < minTurn) minTurn = turn;
      if (turn > maxTurn) maxTurn = turn;
    }
    previous = value;
    previousStep = step;
  }
  // Beyond this, differences would be rounded.
  if (min < -MAX_EXACT || max > MAX_EXACT || max - min > MAX_EXACT) return;
  form.order = 0;
  form.width = bytesFor(max - min);
  form.min = min;
  if (count < 2) return;
  const stepWidth = bytesFor(maxStep - minStep);
  if (maxStep - minStep > MAX_EXACT) return;
  if (stepWidth < form.width) {
    form.order = 1;
    form.width = stepWidth;
    form.min = minStep;
  }
  if (count < 3 || maxTurn - minTurn > MAX_EXACT) return;
  const turnWidth = bytesFor(maxTurn - minTurn);
  if (turnWidth < form.width) {
    form.order = 2;
    form.width = turnWidth;
    form.min = minTurn;
  }
}

/**
 * Writes a column in the chosen form, without its start.
 *
 * @param scratch of at least `count` numbers
 * @returns the position behind it
 */
export function encodeColumn(
  values: Float64Array,
  count: number,
  form: ColumnForm,
  target: DataView,
  position: number,
  scratch: Float64Array,
): number {
  const { order, width, min } = form;
  if (order === RAW) {
    for (let i = 0; i < count; i++, position += 8) target.setFloat64(position, values[i], true);
    return position;
  }
  if (width === 0) return position;
  switch (order) {
    case 0:
      for (let i = 0; i < count; i++) scratch[i] = values[i] - min;
      break;
    case 1:
      for (let i = 1; i < count; i++) scratch[i] = values[i] - values[i - 1] - min;
      break;
    default:
      for (let i = 2; i < count; i++) scratch[i] = values[i] - values[i - 1] - (values[i - 1] - values[i - 2]) - min;
  }
  return encodeFixed(scratch, order, count, width, target, position);
}

/** Writes whole numbers that are not negative, each in `width` bytes. */
function encodeFixed(
  values: Float64Array,
  start: number,
  end: number,
  width: number,
  target: DataView,
  position: number,
): number {
  switch (width) {
    case 1:
      for (let i = start; i < end; i++) target.setUint8(position++, values[i]);
      break;
    case 2:
      for (let i = start; i < end; i++, position += 2) target.setUint16(position, values[i], true);
      break;
    case 3:
      for (let i = start; i < end; i++, position += 3) {
        target.setUint16(position, values[i], true);
        target.setUint8(position + 2, values[i] / 0x10000);
      }
      break;
    case 4:
      for (let i = start; i < end; i++, position += 4) target.setUint32(position, values[i], true);
      break;
    default:
      for (let i = start; i < end; i++) {
        const value = values[i];
        target.setUint32(position, value, true);
        let high = Math.floor(value / 0x100000000);
        for (let byte = 4; byte < width; byte++, high >>>= 8) target.setUint8(position + byte, high);
        position += width;
      }
  }
  return position;
}

/**
 * Writes an integer of the start of a series.
 *
 * @returns the position behind it
 */
export function encodeInteger(value: number, target: DataView, position: number): number {
  const magnitude = Math.abs(value);
  const bytes = bytesFor(magnitude);
  target.setUint8(position++, bytes | (value < 0 ? 0x80 : 0));
  let rest = magnitude;
  for (let i = 0; i < bytes; i++) {
    target.setUint8(position++, rest % 256);
    rest = Math.floor(rest / 256);
  }
  return position;
}

/** How many bytes a whole number that is not negative takes, up to 7. */
function bytesFor(value: number): number {
  let bytes = 0;
  for (let limit = 1; value >= limit; limit *= 256) bytes++;
  return bytes;
}
