import type { ByteReader } from "../wire/byte_reader.ts";

/**
 * Finds the fields of an encoded Point without decoding them.
 *
 * @param reader stands at the first field, and stays there
 * @returns the position of field n at index n, and the end at index 13; undefined if the point is not laid out as
 * protobuf encoders write it (fields in order, once each, entries of maps with key and value), or holds a string that
 * is not valid UTF-8: such a point has to be decoded whole
 */
export function locatePointFields(reader: ByteReader): number[] | undefined {
  return locatePlainFields(reader) ?? locateFields(reader);
}

/**
 * Finds the fields of a point where all texts are ASCII and shorter than 128 bytes, as in nearly all points. Fields come
 * in the order of their numbers, so the walk is straight, and one sweep over neighbouring texts shows that they are
 * valid: it takes two thirds of the time of {@linkcode locateFields}.
 */
function locatePlainFields({ bytes, view, position: start, end }: ByteReader): number[] | undefined {
  const offsets = [0, start, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let position = start;
  let high = 0;
  if (position < end && bytes[position] === 0x08) { // time
    position = varintEnd(bytes, position + 1, end);
    if (position < 0) return undefined;
  }
  const texts = position;
  for (let field = 2; field <= 5; field++) { // name, database, retentionPolicy, group
    offsets[field] = position;
    if (position < end && bytes[position] === (field << 3 | 2)) position += 2 + bytes[position + 1];
  }
  offsets[6] = position; // dimensions
  while (position < end && bytes[position] === 0x32) position += 2 + bytes[position + 1];
  offsets[7] = position; // tags
  while (position < end && bytes[position] === 0x3a) {
    const next = position + 2 + bytes[position + 1];
    const value = position + 4 + bytes[position + 3];
    if (bytes[position + 2] !== 0x0a || bytes[value] !== 0x12 || value + 2 + bytes[value + 1] !== next) {
      return undefined;
    }
    position = next;
  }
  offsets[8] = position; // fieldsDouble
  // A length of 128 or more has a high bit too.
  if (position > end || !isAscii(view, texts, position)) return undefined;
  while (position < end && bytes[position] === 0x42) {
    const next = position + 2 + bytes[position + 1];
    const value = position + 4 + bytes[position + 3];
    if (bytes[position + 2] !== 0x0a || bytes[value] !== 0x11 || value + 9 !== next) return undefined;
    for (let i = position + 1; i < value; i++) high |= bytes[i];
    position = next;
  }
  offsets[9] = position; // fieldsInt
  while (position < end && bytes[position] === 0x4a) {
    const next = position + 2 + bytes[position + 1];
    const value = position + 4 + bytes[position + 3];
    if (bytes[position + 2] !== 0x0a || bytes[value] !== 0x10 || next > end) return undefined;
    if (varintEnd(bytes, value + 1, next) !== next) return undefined;
    for (let i = position + 1; i < value; i++) high |= bytes[i];
    position = next;
  }
  offsets[10] = position; // fieldsString
  while (position < end && bytes[position] === 0x52) {
    const next = position + 2 + bytes[position + 1];
    const value = position + 4 + bytes[position + 3];
    if (bytes[position + 2] !== 0x0a || bytes[value] !== 0x12 || value + 2 + bytes[value + 1] !== next) {
      return undefined;
    }
    position = next;
  }
  offsets[11] = position; // byName
  if (position > end || !isAscii(view, offsets[10], position)) return undefined;
  if (position < end && bytes[position] === 0x58) {
    position = varintEnd(bytes, position + 1, end);
    if (position < 0) return undefined;
  }
  offsets[12] = position; // fieldsBool
  while (position < end && bytes[position] === 0x62) {
    const next = position + 2 + bytes[position + 1];
    const value = position + 4 + bytes[position + 3];
    if (bytes[position + 2] !== 0x0a || bytes[value] !== 0x10 || next > end) return undefined;
    if (varintEnd(bytes, value + 1, next) !== next) return undefined;
    for (let i = position + 1; i < value; i++) high |= bytes[i];
    position = next;
  }
  offsets[13] = position;
  return position === end && high < 0x80 ? offsets : undefined;
}

/** Whether no byte has its high bit set. */
function isAscii(view: DataView, from: number, to: number): boolean {
  let high = 0;
  let i = from;
  for (; i + 16 <= to; i += 16) {
    high |= view.getInt32(i, true) | view.getInt32(i + 4, true) | view.getInt32(i + 8, true) |
      view.getInt32(i + 12, true);
  }
  for (; i + 4 <= to; i += 4) high |= view.getInt32(i, true);
  for (; i < to; i++) high |= view.getUint8(i);
  return (high & 0x80808080) === 0;
}

/** Finds the fields of a point of any lengths and texts. */
function locateFields(reader: ByteReader): number[] | undefined {
  const { bytes, position: start, end } = reader;
  const offsets = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  let last = 0;
  let position = start;
  while (position < end) {
    const tag = bytes[position];
    const field = tag >>> 3;
    if (field > last) {
      do offsets[++last] = position; while (last < field && last < 13);
    } else if (field < last || field < 6 || field === 11) {
      return undefined; // out of order, or twice
    }
    position++;
    switch (tag) {
      case 0x08: // time
      case 0x58: // byName
        position = varintEnd(bytes, position, end);
        if (position < 0) return undefined;
        break;
      case 0x12: // name
      case 0x1a: // database
      case 0x22: // retentionPolicy
      case 0x2a: // group
      case 0x32: { // dimensions
        let length = bytes[position++];
        if (length > 0x7f) {
          if (bytes[position] > 0x7f) [length, position] = longLength(reader, position - 1);
          else length = length & 0x7f | bytes[position++] << 7;
        }
        const next = position + length;
        if (next > end || !isValidText(reader, position, next)) return undefined;
        position = next;
        break;
      }
      case 0x3a: // tags
      case 0x42: // fieldsDouble
      case 0x4a: // fieldsInt
      case 0x52: // fieldsString
      case 0x62: { // fieldsBool
        let length = bytes[position++];
        if (length > 0x7f) {
          if (bytes[position] > 0x7f) [length, position] = longLength(reader, position - 1);
          else length = length & 0x7f | bytes[position++] << 7;
        }
        const next = position + length;
        if (next > end || length < 4 || bytes[position++] !== 0x0a) return undefined;
        let keyLength = bytes[position++];
        if (keyLength > 0x7f) {
          if (bytes[position] > 0x7f) [keyLength, position] = longLength(reader, position - 1);
          else keyLength = keyLength & 0x7f | bytes[position++] << 7;
        }
        const keyEnd = position + keyLength;
        if (keyEnd + 1 >= next || !isValidText(reader, position, keyEnd)) return undefined;
        position = keyEnd + 1;
        const valueTag = bytes[keyEnd];
        if (tag === 0x42) {
          if (valueTag !== 0x11 || position + 8 !== next) return undefined;
        } else if (tag === 0x4a || tag === 0x62) {
          if (valueTag !== 0x10 || varintEnd(bytes, position, next) !== next) return undefined;
        } else {
          if (valueTag !== 0x12) return undefined;
          let valueLength = bytes[position++];
          if (valueLength > 0x7f) {
            if (bytes[position] > 0x7f) [valueLength, position] = longLength(reader, position - 1);
            else valueLength = valueLength & 0x7f | bytes[position++] << 7;
          }
          if (position + valueLength !== next || !isValidText(reader, position, next)) return undefined;
        }
        position = next;
        break;
      }
      default:
        return undefined;
    }
  }
  while (last < 13) offsets[++last] = end;
  return position === end ? offsets : undefined;
}

/**
 * Reads a length of three bytes and more, of texts of 16 KiB and more: they are rare.
 *
 * @returns the length, and where it ends
 * @throws {WireError} for a varint that has no end
 */
function longLength(reader: ByteReader, position: number): [length: number, end: number] {
  const start = reader.position;
  reader.position = position;
  const length = reader.uint32();
  const end = reader.position;
  reader.position = start;
  return [length, end];
}

/** Whether these bytes are valid UTF-8. */
function isValidText(reader: ByteReader, from: number, to: number): boolean {
  const { bytes, view } = reader;
  let high = 0;
  let i = from;
  if (to - from >= 4) {
    for (; i + 4 <= to; i += 4) high |= view.getInt32(i, true);
    high |= view.getInt32(to - 4, true); // the rest, some of it twice
    if ((high & 0x80808080) === 0) return true;
  } else {
    for (; i < to; i++) high |= bytes[i];
    if (high < 0x80) return true;
  }
  return reader.strings.isValid(bytes, from, to);
}

/** Where the varint at `position` ends, or -1. */
function varintEnd(bytes: Uint8Array, position: number, end: number): number {
  for (let i = 0; i < 10 && position < end; i++) if (bytes[position++] < 0x80) return position;
  return -1;
}
