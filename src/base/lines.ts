/**
 * Splits a byte stream into lines of text, without their ends.
 *
 * A line that grows beyond `maxBytes` comes in pieces of that length, so that a peer that never ends its line costs no memory.
 */
export async function* lines(stream: ReadableStream<Uint8Array>, maxBytes = 64 * 1024): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest: Uint8Array = new Uint8Array();
  for await (const chunk of stream) {
    let bytes = chunk;
    if (rest.length > 0) {
      bytes = new Uint8Array(rest.length + chunk.length);
      bytes.set(rest);
      bytes.set(chunk, rest.length);
    }
    let start = 0;
    for (;;) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline < 0 ? bytes.length : newline;
      if (end - start > maxBytes) {
        yield decoder.decode(bytes.subarray(start, start + maxBytes));
        start += maxBytes;
      } else if (newline < 0) {
        break;
      } else {
        yield withoutCarriageReturn(decoder.decode(bytes.subarray(start, newline)));
        start = newline + 1;
      }
    }
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) yield withoutCarriageReturn(decoder.decode(rest));
}

function withoutCarriageReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
