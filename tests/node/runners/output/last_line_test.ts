import { assertEquals } from "@std/assert";
import { LastLine } from "../../../../src/node/runners/output/log_outputs.ts";

function lastOf(...parts: string[]): string | undefined {
  const line = new LastLine();
  for (const part of parts) line.add(new TextEncoder().encode(part));
  return line.text();
}

Deno.test("LastLine gives the last line that is not blank", () => {
  assertEquals(lastOf(), undefined);
  assertEquals(lastOf(" \n\n"), undefined);
  assertEquals(lastOf("one\ntw", "o\n", "\n"), "two");
  assertEquals(lastOf("10%\r20%\r"), "20%");
});

Deno.test("LastLine keeps the end of long lines", () => {
  assertEquals(lastOf("x".repeat(5000) + "y"), "..." + "x".repeat(299) + "y");
  assertEquals(lastOf("x\n", ..."y".repeat(1500)), "..." + "y".repeat(300));
});
