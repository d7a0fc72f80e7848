const millisecondsPer: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const bytesPer: Record<string, number> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/**
 * Reads a duration such as `10s`, `500ms`, `1m30s`, `1.5h`; a bare `0` needs no unit.
 *
 * @returns milliseconds, or undefined for a text that is not a duration
 *
 * @example
 * ```ts
 * import { parseDuration } from "./units.ts";
 * console.assert(parseDuration("1m30s") === 90_000);
 * ```
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h|d))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h|d)/g)) {
    sum += Number(amount) * millisecondsPer[unit];
  }
  return Number.isFinite(sum) ? sum : undefined;
}

/**
 * Reads an amount of bytes such as `64MiB`, `512KiB`, `10MB` or `4096`.
 *
 * @returns whole bytes, or undefined for a text that is not a size
 *
 * @example
 * ```ts
 * import { parseSize } from "./units.ts";
 * console.assert(parseSize("64MiB") === 67_108_864);
 * ```
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(B|kB|MB|GB|KiB|MiB|GiB)?$/.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * bytesPer[match[2] ?? "B"];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
