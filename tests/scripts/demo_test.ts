import { assertEquals, assertStringIncludes } from "@std/assert";

const root = new URL("../../", import.meta.url);

async function runScript(name: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-A", new URL(`scripts/${name}`, root).pathname],
    stdin: "null",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("demo shows each command and what it prints", async () => {
  const output = await runScript("demo.ts");
  assertStringIncludes(output, "run -A main.ts host --handler moving-avg");
  assertStringIncludes(output, "2026-03-02T09:50:00Z  cpu   db-1     ams    58.92");
  assertStringIncludes(output, "2026-03-02T09:27:40Z  db-1   ams   87.1");
});

Deno.test("generate_cpu prints the example that is committed", async () => {
  assertEquals(await runScript("generate_cpu.ts"), await Deno.readTextFile(new URL("examples/cpu.csv", root)));
});
