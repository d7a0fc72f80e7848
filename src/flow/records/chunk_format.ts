/**
 * The format of a chunk of samples, the payload of RECORDS frames. All numbers are little endian.
 *
 *     version u8, kind u8, samples u16, columns u8, then for each column:
 *       length of its name u8, its name in ASCII
 *       form u8: bits 0-1 the order, 2-4 the width, 5: relative to another column
 *       if relative: the index of that column u8, a smaller one
 *       the start of the series: the integers of its order, and one more: the smallest of what follows
 *       what follows, each reduced by the smallest, in `width` bytes
 *
 * A column of order 0 has its values, of order 1 the differences of neighbours, of order 2 the differences of these;
 * of order 3 its values as 64-bit floating-point numbers and nothing else. Counters that grow evenly thus take no
 * bytes, and a column never takes more than 8 bytes a value. An integer of the start is a byte (bit 7 the sign, the
 * others how many bytes follow, up to 7), and its magnitude.
 *
 * Fixed widths cost a little more space than variable ones, but no branch for each value.
 *
 * @module
 */

/** The version of this format. */
export const CHUNK_VERSION = 1;

/** The largest chunk: with its envelope it fits a frame of 64 KiB. */
export const MAX_CHUNK_BYTES = 60 * 1024;

/** How many samples a chunk has, at most. */
export const MAX_CHUNK_SAMPLES = 8192;

/** How many columns a chunk has, at most. */
export const MAX_CHUNK_COLUMNS = 64;

/** Version, kind, samples, columns. */
export const CHUNK_HEAD_BYTES = 5;

/** The order of a column whose values are floating-point numbers. */
export const RAW = 3;

/** The bit of a form for a column that is relative to another one. */
export const RELATIVE = 1 << 5;

/** The bound below which sums and differences of whole numbers are exact. */
export const MAX_EXACT = 2 ** 53;

/** Returns the bytes that a column takes at most beside its values: name, form, other column, three integers. */
export function columnHeadBytes(name: string): number {
  return 1 + name.length + 2 + 3 * 8;
}
