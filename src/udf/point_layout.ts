import type { ByteReader } from "../wire/byte_reader.ts";

/**
 * Finds the fields of an encoded Point without decoding them.
 *
 * @param reader stands at the first field; stays there if the answer is undefined
 * @returns where field n starts at index n, up to the end at index 13; undefined if the point is not laid out as
 * protobuf encoders do it (fields in order, once each, entries of maps with key and value), or holds a string that is not valid
 * UTF-8: such a point has to be decoded whole
 */
export function layOut(reader: ByteReader): number[] | undefined {
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
          if (bytes[position] > 0x7f) return undefined; // 16 KiB and more: rare
          length = length & 0x7f | bytes[position++] << 7;
        }
        const next = position + length;
        if (next > end || !isText(reader, position, next)) return undefined;
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
          if (bytes[position] > 0x7f) return undefined;
          length = length & 0x7f | bytes[position++] << 7;
        }
        const next = position + length;
        if (next > end || length < 4 || bytes[position++] !== 0x0a) return undefined;
        let keyLength = bytes[position++];
        if (keyLength > 0x7f) {
          if (bytes[position] > 0x7f) return undefined;
          keyLength = keyLength & 0x7f | bytes[position++] << 7;
        }
        const keyEnd = position + keyLength;
        if (keyEnd + 1 >= next || !isText(reader, position, keyEnd)) return undefined;
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
            if (bytes[position] > 0x7f) return undefined;
            valueLength = valueLength & 0x7f | bytes[position++] << 7;
          }
          if (position + valueLength !== next || !isText(reader, position, next)) return undefined;
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

/** Whether these bytes are valid UTF-8. */
function isText(reader: ByteReader, from: number, to: number): boolean {
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
