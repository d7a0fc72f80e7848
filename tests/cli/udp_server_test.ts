import { assert, assertEquals, assertMatch } from "@std/assert";
import { availability } from "../../src/sys/libc.ts";
import { unless } from "../support/unless.ts";
import { startTine, TextReader, tine } from "../support/tine.ts";
import { withServer } from "./traffic_server.ts";

Deno.test("tine udp server prints a line for a flow that is open when it is interrupted", async () => {
  const server = await withServer("udp", ["--listen", "127.0.0.1:0"], async (address) => {
    const client = startTine("udp", "client", address, "--duration=1m", "--wait=10ms", "--interval=100ms");
    await using reader = new TextReader(client.stdout);
    try {
      await reader.until(/up +0\.10-0\.20/);
    } finally {
      client.kill("SIGKILL");
      await Promise.all([client.stdin.close(), client.stderr.cancel(), client.status]);
    }
  });
  assertEquals(server.code, 0);
  assertMatch(server.stdout, /^127\.0\.0\.1:\d+ up\.\w{8}: received \d+ packets, .* s, ended without a close\n$/);
});

Deno.test({
  ...unless(
    availability().available ? undefined : "system calls cannot be made",
    "tine udp server has its workers for UDP, and one for TCP beside it",
  ),
  async fn() {
    const child = startTine("udp", "server", "--listen", "127.0.0.1:0", "--workers", "4");
    await using reader = new TextReader(child.stderr);
    try {
      await reader.until(/listening on/);
      const names = Array.from(
        Deno.readDirSync(`/proc/${child.pid}/task`),
        ({ name }) => Deno.readTextFileSync(`/proc/${child.pid}/task/${name}/comm`),
      );
      // One more is ready for a flow that wants one alone.
      const workers = names.filter((name) => name.startsWith("worker-")).length;
      assert(workers >= 4 + 1 && workers <= 4 + 1 + 1, `${workers} workers`);
    } finally {
      child.kill("SIGINT");
      await Promise.all([child.stdin.close(), child.stdout.cancel(), child.status]);
    }
  },
});

Deno.test("tine udp server says in one sentence why it cannot join", async () => {
  const wrong = async (message: RegExp, ...args: string[]) => {
    const { code, stdout, stderr } = await tine(["udp", "server", ...args]);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, message);
  };
  await wrong(/--join \[SOURCE@\]\S+: "10\.0\.0\.1" has the address 10\.0\.0\.1, expected a group/, "--join=10.0.0.1");
  await wrong(/239\.1\.2\.3 is a group of multicast: tine udp server --join 239\.1\.2\.3\n/, "--listen=239.1.2.3:7001");
  await wrong(/--join and --max-flows exclude each other/, "--join=239.1.2.3", "--max-flows=3");
  await wrong(/--join and --workers exclude each other/, "--join=239.1.2.3", "--workers=2");
  await wrong(/--stamp and --join exclude each other/, "--join=239.1.2.3", "--stamp");
});
