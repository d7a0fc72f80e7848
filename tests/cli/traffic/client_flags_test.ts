import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/errors.ts";
import { parse } from "../../../src/cli/parse.ts";
import { checkRawSockets } from "../../../src/cli/traffic/client_flags.ts";
import { command as tcpClient } from "../../../src/cli/traffic/tcp_client.ts";
import { command as udpClient } from "../../../src/cli/traffic/udp_client.ts";

const SERVER = "127.0.0.1:1";
const DURATION = "a duration such as 500ms, 10s or 1m30s";

Deno.test("clients take durations and intervals that make sense", () => {
  for (const command of [tcpClient, udpClient]) {
    const { flags } = parse(command, [SERVER, "--duration=24h", "--interval=1ms"]);
    assertEquals([flags.duration, flags.interval], [86_400_000, 1]);
    assertEquals(parse(command, [SERVER, "--interval=0"]).flags.interval, 0);
    assertEquals(parse(command, [SERVER, "--duration=0"]).flags.duration, 0);
    assertEquals(parse(command, [SERVER, "--duration=30d"]).flags.duration, 30 * 86_400_000);
  }
});

const wrong: [string, string, string][] = [
  ["--duration=101d", "--duration DURATION", `${DURATION}, at most 100d, or 0: until Ctrl-C, not "101d"`],
  ["--interval=0.001us", "--interval DURATION", `${DURATION}, at least 1ms, or 0: never, not "0.001us"`],
  ["--cca=", "--cca NAME", 'the name of a congestion control such as cubic, not ""'],
];

for (const [flag, name, expected] of wrong) {
  Deno.test(`clients refuse ${flag} by its name`, () => {
    for (const command of [tcpClient, udpClient]) {
      const args = command === udpClient && flag.startsWith("--cca") ? ["--under-load"] : [];
      assertThrows(() => parse(command, [SERVER, flag, ...args]), UsageError, `${name}: expected ${expected}`);
    }
  });
}

Deno.test("checkRawSockets() names the flags that want them, where there are none", () => {
  const given = { rate: undefined, cca: "bbr", gso: false, dscp: 0 };
  checkRawSockets("ffi", given);
  assertThrows(() => checkRawSockets("portable", given), UsageError, "--cca and --dscp: only raw sockets can do that");
  checkRawSockets("portable", { rate: undefined, gso: false });
});
