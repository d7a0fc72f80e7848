import { assertEquals, assertRejects, assertThrows } from "@std/assert";
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

Deno.test("clients take requests and responses of lengths that a flow can have", () => {
  const rr = (command: typeof tcpClient | typeof udpClient, ...args: string[]) =>
    parse(command, [SERVER, ...args]).flags.rr;
  assertEquals(rr(tcpClient, "--rr=1"), { request: 1, response: 1 });
  assertEquals(rr(tcpClient, "--rr=64B,1kB"), { request: 64, response: 1000 });
  assertEquals(rr(udpClient, "--rr=56,1400"), { request: 56, response: 1400 });
  const sizes = "--rr SIZE[,SIZE]: expected one or two sizes of";
  for (const text of ["0", "2MiB", "1,2,3", "64,", ""]) {
    assertThrows(() => rr(tcpClient, `--rr=${text}`), UsageError, `${sizes} 1B to 1MiB`);
  }
  assertThrows(() => rr(udpClient, "--rr=55"), UsageError, `${sizes} 56B to 65507B`);
});

Deno.test("flags of requests and responses mean nothing without these, and others nothing with them", async () => {
  const ran = (command: typeof tcpClient | typeof udpClient, ...args: string[]) =>
    command.run(parse(command as typeof tcpClient, [SERVER, ...args]) as never);
  for (const flag of ["--transactions=5", "--in-flight=2"]) {
    assertThrows(() => parse(tcpClient, [SERVER, flag]), UsageError, "means nothing without --rr or --crr");
    assertThrows(() => parse(udpClient, [SERVER, flag]), UsageError, "means nothing without --rr");
  }
  for (const flag of ["--client-ports=5000-6000", "--rst"]) {
    assertThrows(() => parse(tcpClient, [SERVER, "--rr=1", flag]), UsageError, "means nothing without --crr");
  }
  assertThrows(() => parse(udpClient, [SERVER, "--timeout=1s"]), UsageError, "--timeout means nothing without --rr");
  for (const flag of ["--reverse", "--bidir", "--length=5", "--rate=5Mbps", "--cca=cubic", "--payload=zeros"]) {
    const message = `${flag.split("=")[0]} is not for requests and responses`;
    await assertRejects(() => ran(tcpClient, "--rr=1", flag), UsageError, message);
  }
  for (const flag of ["--reverse", "--echo", "--wait=5ms", "--under-load", "--length=60"]) {
    const message = `${flag.split("=")[0]} is not for requests and responses`;
    await assertRejects(() => ran(udpClient, "--rr=60", flag), UsageError, message);
  }
  for (
    const [flag, what] of [
      ["--payload=zeros", "over TCP their messages are random; tine udp client --rr takes a payload"],
      ["--length=5", "--rr SIZE[,SIZE] has the lengths of messages, and --transactions their number"],
      ["--cca=cubic", "leave it out"],
    ]
  ) {
    const message = `${flag.split("=")[0]} is not for requests and responses: ${what}`;
    await assertRejects(() => ran(tcpClient, "--rr=1", flag), UsageError, message);
  }
  await assertRejects(() => ran(tcpClient, "--crr", "--in-flight=2"), UsageError, "give --parallel N instead");
});
