/** IPv4 or IPv6. */
export type Family = "ipv4" | "ipv6";

/**
 * The family of a host that is written as an IP address, right or wrong; undefined for a name. No name has a colon, and the
 * last label of a name is not a number.
 *
 * Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
 *
 * @param hostname without brackets
 */
export function ipFamily(hostname: string): Family | undefined {
  if (hostname.includes(":")) return "ipv6";
  return /(?:^|\.)[0-9]+$/.test(hostname) ? "ipv4" : undefined;
}

/**
 * Reads an IPv4 address: four decimal numbers without leading zeros.
 *
 * @returns 4 bytes; undefined for anything else
 */
export function parseIPv4(text: string): Uint8Array<ArrayBuffer> | undefined {
  const parts = text.split(".", 5);
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[i] = Number(part);
  }
  return bytes;
}

/** Writes an IPv4 address. */
export function formatIPv4(bytes: Uint8Array): string {
  return bytes.join(".");
}

/**
 * Reads an IPv6 address in any of the forms of RFC 4291, without a scope.
 *
 * @returns 16 bytes; undefined for anything else
 */
export function parseIPv6(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > 45) return undefined;
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupBytes(halves[0], halves.length === 1);
  if (halves.length === 1) return head?.length === 16 ? Uint8Array.from(head) : undefined;
  const tail = groupBytes(halves[1], true);
  // `::` stands for at least one group.
  if (head === undefined || tail === undefined || head.length + tail.length > 14) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function groupBytes(text: string, atEnd: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (text === "") return bytes;
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const ipv4 = atEnd && i === groups.length - 1 ? parseIPv4(group) : undefined;
    if (ipv4 === undefined) return undefined;
    bytes.push(...ipv4);
  }
  return bytes;
}

/** Writes an IPv6 address as RFC 5952 defines: small letters, the longest run of zeros as `::`. */
export function formatIPv6(bytes: Uint8Array): string {
  if (isMappedIPv4(bytes)) return `::ffff:${formatIPv4(bytes.subarray(12, 16))}`;
  const groups = Array.from({ length: 8 }, (_, i) => bytes[2 * i] << 8 | bytes[2 * i + 1]);
  let start = 0, length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** Whether the 16 bytes at `start` are an IPv4-mapped IPv6 address, ::ffff:0:0/96. Allocates nothing. */
export function isMappedIPv4(bytes: Uint8Array, start = 0): boolean {
  for (let i = 0; i < 10; i++) if (bytes[start + i] !== 0) return false;
  return bytes[start + 10] === 0xff && bytes[start + 11] === 0xff;
}
