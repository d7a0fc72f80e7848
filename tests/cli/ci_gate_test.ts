import { assertEquals, assertMatch } from "@std/assert";
import { inFolder } from "../result/fixtures.ts";
import { TINE } from "../support/tine.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

const SCRIPT = new URL("../../examples/ci_gate.sh", import.meta.url).pathname;

/** A plan of four repeats of a transfer over loopback: how much arrives is the same on any machine. */
function plan(length: string): string {
  return `tests:
- id: { name: transfer }
  repeat: 4
  serial:
  - streamServer: { listenAddr: "127.0.0.1:0", listenAddrKey: tcp }
  - streamClient: { addrKey: tcp, upload: { flow: bulk, length: ${length} } }
`;
}

Deno.test({
  ...unless(whyNotInstalled("sh"), "examples/ci_gate.sh stores the first baseline, passes, and fails on a regression"),
  fn: () =>
    inFolder(async (dir) => {
      await Deno.writeTextFile(`${dir}/tine`, `#!/bin/sh\nexec ${TINE.map((word) => `'${word}'`).join(" ")} "$@"\n`, {
        mode: 0o755,
      });
      const job = async (length: string) => {
        await Deno.writeTextFile(`${dir}/plan.yaml`, plan(length));
        const args = [SCRIPT, "plan.yaml", "baseline.json", "bulk bytes >= 0.95x baseline", "bulk bytes > 1kB"];
        const { code, stdout, stderr } = await new Deno.Command("sh", {
          args,
          cwd: dir,
          env: { NO_COLOR: "1", TINE: `${dir}/tine` },
        }).output();
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        return { code, lines: text(stdout).split("\n").filter((line) => /^[A-Z]/.test(line)), stderr: text(stderr) };
      };
      const first = await job("100kB");
      assertEquals([first.code, first.lines], [0, []], first.stderr);
      assertMatch(first.stderr, /there was no baseline: baseline\.json is that of this run\n$/);
      const same = await job("100kB");
      assertEquals([same.code, same.lines], [0, [
        "PASS       bulk bytes >= 0.95x baseline  name=transfer: bulk: 100 kB against 100 kB, 0.0% to 0.0%",
        "PASS       bulk bytes > 1kB              name=transfer: bulk: 100 kB, the median of 4 repeats",
      ]], same.stderr);
      const worse = await job("90kB");
      assertEquals([worse.code, worse.lines[0]], [
        3,
        "FAIL       bulk bytes >= 0.95x baseline  name=transfer: bulk: 90.0 kB against 100 kB, -10.0% to -10.0%",
      ], worse.stderr);
      assertMatch(
        await Deno.readTextFile(`${dir}/gates.xml`),
        /<testsuites name="[^"]*" tests="2" failures="1" errors="0"/,
      );
      assertMatch(
        await Deno.readTextFile(`${dir}/gates.md`),
        /\| \*\*fail\*\* \| bulk bytes \\>= 0\.95x baseline \|[^]*\| name=transfer: bulk \| goodput \|/,
      );
    }),
});

Deno.test({
  ...unless(whyNotInstalled("sh"), "examples/ci_gate.sh shows how it is called"),
  async fn() {
    const { code, stderr } = await new Deno.Command("sh", { args: [SCRIPT, "plan.yaml"] }).output();
    assertEquals(code, 2);
    assertMatch(new TextDecoder().decode(stderr), /^usage: .*ci_gate\.sh PLAN BASELINE\.json GATE\.\.\.\n$/);
  },
});
