import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { processesWith } from "../support/processes_with.ts";
import { OWN_NAMES, whyNoNamespaces } from "../support/namespaces.ts";
import { unless } from "../support/unless.ts";
import { needsProcessors } from "../support/quiet.ts";

const root = new URL("../../", import.meta.url);
const ROOT = Deno.uid() === 0;

/** Runs a script of the checkout; `before` are words in front of it. */
async function runScript(
  name: string,
  args: readonly string[] = [],
  before: readonly string[] = [],
  env = {},
): Promise<string> {
  const script = [Deno.execPath(), "run", "--no-prompt", "-A", new URL(`scripts/${name}`, root).pathname, ...args];
  const [program, ...words] = [...before, ...script];
  const { code, stdout, stderr } = await new Deno.Command(program, { args: words, env, stdin: "null" }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** Runs the demo; leaves nothing. */
async function runDemo(before: readonly string[]): Promise<string> {
  const out = await Deno.makeTempDir({ prefix: "tine-demo-" });
  const marker = crypto.randomUUID();
  try {
    const output = await runScript("demo.ts", ["--out", out], before, { DEMO: marker, NO_COLOR: "1" });
    await eventually("nothing is left of the demo", () => processesWith(marker).length === 0);
    assertStringIncludes(output, `The results are in ${out}/latest.`);
    // The last line is what people click at; the page is small enough for any mail.
    assertEquals(output.trimEnd().split("\n").at(-1), `A page of it, for a browser: ${out}/demo.html`);
    const { size } = await Deno.stat(`${out}/demo.html`);
    assertEquals(size < 256_000, true, `the page has ${size} bytes`);
    return output;
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

const noNamespaces = whyNoNamespaces({ rootless: !ROOT });

Deno.test({
  ...needsProcessors("demo shows what an upload does to a call", async () => {
    const output = await runDemo(ROOT ? OWN_NAMES : []);
    assertStringIncludes(output, "run -A main.ts run examples/voip_beside_bulk.yaml");
    assertMatch(output, /TCP up, cubic .*\nbulk +\d/);
    const [alone, beside] = ["alone", "beside"].map((flow) =>
      Number(new RegExp(`UDP voip.${flow}:.*?\\nRTT +\\S+ +\\S+ +(\\S+)`, "s").exec(output)![1])
    );
    assertEquals([alone < 20, beside > 30], [true, true], `${alone} ms alone, ${beside} ms beside the upload`);
  }),
  ...unless(noNamespaces, "demo shows what an upload does to a call"),
});

/** Words in front of a command that is to have no network namespaces. */
const WITHOUT_NAMESPACES: readonly string[] = [
  "unshare",
  "--user",
  "--map-root-user",
  "sh",
  "-ec",
  'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"',
  "sh",
];
const noUserNamespaces = whyNoNamespaces({ rootless: true });

Deno.test({
  ...unless(noUserNamespaces, "demo takes the loopback where namespaces are not available"),
  async fn() {
    const output = await runDemo(WITHOUT_NAMESPACES);
    assertStringIncludes(output, "So the same over the loopback");
    assertMatch(output, /UDP voip.load: \d+ packets/);
  },
});

Deno.test("demo_udf shows each command and what it prints", async () => {
  const output = await runScript("demo_udf.ts");
  assertStringIncludes(output, "run -A main.ts host --handler moving-avg");
  assertStringIncludes(output, "2026-03-02T09:50:00Z  cpu   db-1     ams    58.92");
  assertStringIncludes(output, "2026-03-02T09:27:40Z  db-1   ams   87.1");
});

Deno.test("generate_cpu prints the example that is committed", async () => {
  assertEquals(await runScript("generate_cpu.ts"), await Deno.readTextFile(new URL("examples/cpu.csv", root)));
});
