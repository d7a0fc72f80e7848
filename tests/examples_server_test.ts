import { assertEquals } from "@std/assert";
import { command } from "../src/cli/traffic/udp_server.ts";
import { flagName } from "../src/cli/flags.ts";
import { unless, whyNotInstalled } from "./support/unless.ts";

const unit = await Deno.readTextFile(new URL("../examples/tine-server.service", import.meta.url));

Deno.test("the unit of a server gives the command flags that it has, with values that it takes", () => {
  const lines = [
    ...unit.matchAll(/^(?:# +TINE_OPTIONS=|Environment="TINE_OPTIONS=|ExecStart=\S+ udp server )([^"\n]*)"?$/gm),
  ];
  assertEquals(lines.length, 3);
  for (const [, line] of lines) {
    const words = line.replace("$TINE_OPTIONS", "").trim().split(" ");
    for (let i = 0; i < words.length; i += 2) {
      const [, flag] = Object.entries(command.flags).find(([key]) => flagName(key) === words[i])!;
      flag.read([words[i + 1]], words[i]);
    }
  }
});

Deno.test({
  ...unless(whyNotInstalled("systemd-analyze"), "systemd finds nothing to object to in the unit of a server"),
  async fn() {
    const dir = await Deno.makeTempDir();
    try {
      const path = `${dir}/tine-server.service`;
      // The program is not installed on this machine.
      await Deno.writeTextFile(path, unit.replace("/usr/local/bin/tine", "/bin/true"));
      const run = (...args: string[]) =>
        new Deno.Command("systemd-analyze", { args, env: { SYSTEMD_UNIT_PATH: `${dir}:` } }).output();
      const { code, stderr } = await run("verify", path);
      // It looks at all units that this one names, and those of a machine may have faults of their own.
      const ours = new TextDecoder().decode(stderr).split("\n").filter((line) => line.includes("tine-server"));
      assertEquals([ours, code], [[], 0]);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
