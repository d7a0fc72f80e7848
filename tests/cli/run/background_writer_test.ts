import { assertEquals, assertRejects } from "@std/assert";
import { BackgroundWriter } from "../../../src/cli/run/background_writer.ts";

Deno.test("BackgroundWriter writes lines in order, those that come together at once", async () => {
  const written: string[] = [];
  const writer = new BackgroundWriter((text) => Promise.resolve(void written.push(text)), String);
  writer.line("a");
  writer.offer("b");
  await writer.flush();
  writer.line("c");
  await writer.flush();
  assertEquals(written, ["a\nb\n", "c\n"]);
});

Deno.test("BackgroundWriter makes nobody wait for a reader that stands still", async () => {
  const written: string[] = [];
  const goOn = Promise.withResolvers<void>();
  const writer = new BackgroundWriter((text) => (written.push(text), goOn.promise), (n) => `${n} left out`);
  writer.line("a");
  await Promise.resolve();
  assertEquals(written, ["a\n"]);
  const long = "x".repeat(2 ** 20);
  writer.offer(long);
  for (let i = 0; i < 1000; i++) assertEquals(writer.offer("log"), false);
  writer.line("end");
  assertEquals(written, ["a\n"]);
  goOn.resolve();
  await writer.flush();
  assertEquals(written, ["a\n", `${long}\n1000 left out\nend\n`]);
});

Deno.test("BackgroundWriter.flush() throws what writing has thrown, and nothing more is written", async () => {
  let writes = 0;
  const writer = new BackgroundWriter(() => Promise.reject(new Error(`gone ${++writes}`)), String);
  writer.line("a");
  await assertRejects(() => writer.flush(), Error, "gone 1");
  writer.line("b");
  assertEquals(writer.offer("c"), false);
  await assertRejects(() => writer.flush(), Error, "gone 1");
});
