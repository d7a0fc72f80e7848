const encoder = new TextEncoder();

/**
 * Cuts a text that is longer than `maxBytes` in UTF-8, between characters, and adds a note of how much was left out.
 *
 * @example
 * ```ts
 * import { shorten } from "./shorten.ts";
 * console.assert(shorten("a long story", 6) === "a long ... (6 more bytes were left out)");
 * ```
 */
export function shorten(text: string, maxBytes: number): string {
  // A UTF-16 unit takes three bytes at most.
  if (text.length * 3 <= maxBytes) return text;
  const { read, written } = encoder.encodeInto(text, new Uint8Array(maxBytes));
  if (read === text.length) return text;
  return `${text.slice(0, read)} ... (${utf8Bytes(text) - written} more bytes were left out)`;
}

function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}
