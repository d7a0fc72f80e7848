import { assert, assertEquals, assertRejects } from "@std/assert";
import { readText, readValue } from "../../../../src/node/runners/sys_info/survey.ts";

const { signal } = new AbortController();

Deno.test("readText() reads files of the kernel, which have no size", async () => {
  const { text, leftOut } = await readText("/proc/self/status", 1024 * 1024, signal);
  assert(text.startsWith("Name:"));
  assertEquals(leftOut, 0);
});

Deno.test("readText() reads up to its limit and reports what is left out", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "0123456789");
    assertEquals(await readText(path, 10, signal), { text: "0123456789", leftOut: 0 });
    assertEquals(await readText(path, 4, signal), { text: "0123", leftOut: 6 });
    assertEquals((await readText("/dev/zero", 4, signal)).leftOut, 1);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readText() ends when it is canceled", async () => {
  const control = new AbortController();
  const reading = readText("/proc/self/status", 10, control.signal);
  control.abort(new Error("canceled"));
  await assertRejects(() => reading, Error, "canceled");
  await assertRejects(() => readText("/proc/self/status", 10, control.signal), Error, "canceled");
});

Deno.test("readValue() has nothing where there is no file", async () => {
  assertEquals(await readValue("/proc/no/such"), undefined);
  assertEquals(await readValue("/proc/sys/kernel/ostype"), "Linux");
});
