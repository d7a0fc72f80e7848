/** A range of ports, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a range of ports from which a client connects, such as `10000-60000`.
 *
 * @returns undefined for any other text
 *
 * @example
 * ```ts
 * import { parsePorts } from "./client_ports.ts";
 * console.assert(parsePorts("10000-60000")?.last === 60000 && parsePorts("2-1") === undefined);
 * ```
 */
export function parsePorts(text: string): PortRange | undefined {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [first, last] = [Number(match[1]), Number(match[2])];
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : undefined;
}
