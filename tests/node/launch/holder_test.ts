import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { intoHolder, startHolder } from "../../../src/node/launch/holder.ts";
import { runTool } from "../../../src/node/process/tools.ts";
import { Watchdog } from "../../../src/node/process/watchdog.ts";
import { noLeftovers } from "../../support/leaks.ts";
import { processesWith } from "../../support/processes_with.ts";
import { whyNoNamespaces } from "../../support/namespaces.ts";
import { unless } from "../../support/unless.ts";

const noNamespaces = whyNoNamespaces({ rootless: true });

Deno.test({
  ...unless(noNamespaces, "startHolder() makes a place for namespaces that ends with it"),
  async fn() {
    await using _ = noLeftovers();
    await using watchdog = new Watchdog();
    await using holder = await startHolder(watchdog.lineage);
    assertMatch(Deno.readLinkSync(`/proc/${holder.pid}/exe`), /sh$/);
    const inside = (...command: string[]) => runTool([...intoHolder(holder.pid), ...command]);
    assertEquals(await inside("ip", "netns", "add", "x"), undefined);
    assertEquals(await inside("ip", "-n", "x", "link", "add", "v0", "type", "veth", "peer", "v1"), undefined);
    assertMatch(await inside("ip", "netns", "add", "x") ?? "", /File exists/);
    assertEquals(
      await inside("sh", "-c", '[ "$(id -u)" = 0 ] && [ -d /proc/1 ] && [ "$(cd /run && echo *)" = netns ]'),
      undefined,
    );
  },
});

Deno.test({
  ...unless(noNamespaces, "startHolder() is ended by the watchdog when it was stopped and its starter killed"),
  async fn() {
    await using _ = noLeftovers();
    const folder = new URL("../../../src/node/", import.meta.url);
    const code = `import { startHolder } from "${folder}launch/holder.ts";
      import { Watchdog } from "${folder}process/watchdog.ts";
      const watchdog = new Watchdog();
      watchdog.start();
      const holder = await startHolder(watchdog.lineage);
      Deno.kill(holder.pid, "SIGSTOP");
      console.log(watchdog.lineage.marker);
      Deno.kill(Deno.pid, "SIGKILL");`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", code],
      stderr: "null", // the watchdog has it as well
    }).output();
    assert(processesWith(new TextDecoder().decode(stdout).trim()).length > 0);
  },
});

Deno.test({
  ...unless(noNamespaces, "startHolder() names the setting of the kernel that forbids it"),
  async fn() {
    const folder = new URL("../../../src/node/", import.meta.url);
    const code = `import { startHolder } from "${folder}launch/holder.ts";
      import { createLineage } from "${folder}process/lineage.ts";
      await startHolder(createLineage()).catch((error) => console.log(error.code + ": " + error.message));`;
    // The limit counts for what is below the user namespace that sets it.
    const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$0" eval "$1"';
    const { stdout } = await new Deno.Command("unshare", {
      args: ["--user", "--map-root-user", "sh", "-c", script, Deno.execPath(), code],
    }).output();
    assertMatch(
      new TextDecoder().decode(stdout),
      /^rootless-unavailable: cannot make network namespaces without root: the kernel is set to user\.max_user_namespaces=0 \(.*\); run tine as root, such as with sudo, or change that by sysctl\n$/,
    );
  },
});

Deno.test("startHolder() says that a program is missing", async () => {
  const path = Deno.env.get("PATH")!;
  // The folders of administrators are searched as well, so that ip is found wherever it is.
  const folder = await Deno.makeTempDir();
  Deno.env.set("PATH", folder);
  try {
    const watchdog = new Watchdog();
    const error = await assertRejects(() => startHolder(watchdog.lineage), Error, "unshare was not found in PATH");
    assertMatch(error.message, /install util-linux, or run tine as root$/);
  } finally {
    Deno.env.set("PATH", path);
    await Deno.remove(folder);
  }
});
