import { assert, assertEquals } from "@std/assert";
import { GatheredText } from "../../../../src/node/runners/output/log_outputs.ts";

function gather(limit: number, ...parts: (string | Uint8Array)[]): { text: string; leftOut: number } {
  const gathered = new GatheredText(limit);
  for (const part of parts) gathered.add(typeof part === "string" ? new TextEncoder().encode(part) : part);
  return gathered.take();
}

Deno.test("GatheredText takes text up to its limit and counts the rest", () => {
  assertEquals(gather(9), { text: "", leftOut: 0 });
  assertEquals(gather(9, "one\n", "two\n"), { text: "one\ntwo", leftOut: 0 });
  assertEquals(gather(9, "one\n", "two\n", "three"), { text: "one\ntwo\nt", leftOut: 4 });
});

Deno.test("GatheredText does not cut characters", () => {
  assertEquals(gather(4, "ab€€"), { text: "ab", leftOut: 6 });
  assertEquals(gather(5, "ab€€"), { text: "ab€", leftOut: 3 });
  assertEquals(gather(5, "a😀😀"), { text: "a😀", leftOut: 4 });
});

Deno.test("GatheredText keeps within its limit where the output is no text", () => {
  const { text, leftOut } = gather(9, new Uint8Array(20).fill(0xff));
  assertEquals(text, "\ufffd".repeat(3));
  assertEquals(leftOut, 17);
  assertEquals(gather(9, new Uint8Array([0x61, 0xff])), { text: "a\ufffd", leftOut: 0 });
});

Deno.test("GatheredText takes what comes in many pieces", () => {
  const gathered = new GatheredText();
  const piece = new TextEncoder().encode("0123456789");
  for (let i = 0; i < 20_000; i++) gathered.add(piece);
  assert(gathered.take().text === "0123456789".repeat(20_000));
});
