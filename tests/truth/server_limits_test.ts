import { assert, assertEquals } from "@std/assert";
import { makeLink, whyNoLink } from "../support/link.ts";
import { outputOf, TextReader, TINE } from "../support/tine.ts";
import { unless } from "../support/unless.ts";

const MAX_FLOWS = 3;
/** Of one flow: 4 Mbit/s. */
const BYTES_PER_SECOND = 500_000;
/** What the socket of a flow takes before it is read, with what the kernel needs for that. */
const SOCKET_BYTES = 600_000;
/** Headers take a few percent of a segment. */
const HEADERS = 1.1;

function start(inside: readonly string[], ...words: string[]): Deno.ChildProcess {
  const [command, ...args] = [...inside, ...words];
  return new Deno.Command(command, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}

Deno.test({
  ...unless(
    whyNoLink(),
    "a server holds its limits on a link, by the counters of its interface, against a hostile client",
  ),
  async fn() {
    await using link = await makeLink({ segments: 16 });
    const limits = ["--max-rate=4Mbps", `--max-flows=${MAX_FLOWS}`, "--workers=2", "--json"];
    const server = start(link.server.inside, ...TINE, "tcp", "server", `--listen=${link.server.ipv4}:7000`, ...limits);
    const [first, second] = server.stderr.tee();
    const { status, stdout } = server;
    const output = outputOf({ status, stdout, stderr: second } as Deno.ChildProcess);
    let hostile;
    try {
      await using reader = new TextReader(first);
      await reader.until(/listening on/);
      const before = await link.server.traffic(), startedAt = performance.now();
      const script = new URL("./hostile_client.ts", import.meta.url).pathname;
      const args = ["run", "-A", "--no-check", script, `${link.server.ipv4}:7000`, "9", "1500"];
      hostile = await outputOf(start(link.client.inside, Deno.execPath(), ...args));
      const after = await link.server.traffic(), seconds = (performance.now() - startedAt) / 1000;
      const received = after.received.bytes - before.received.bytes, sent = after.sent.bytes - before.sent.bytes;
      // Two uploads and a download were taken.
      const up = 2 * (BYTES_PER_SECOND * seconds + SOCKET_BYTES) * HEADERS;
      const down = (BYTES_PER_SECOND * (seconds + 0.3) + SOCKET_BYTES) * HEADERS;
      assert(received > 0 && received <= up, `${received} bytes came in ${seconds} s, ${up} may`);
      assert(sent > 0 && sent <= down, `${sent} bytes went in ${seconds} s, ${down} may`);
    } finally {
      server.kill("SIGINT");
      await output;
    }
    assertEquals([hostile.code, JSON.parse(hostile.stdout)], [0, {
      taken: MAX_FLOWS,
      "the server serves 3 flows at a time, and has as many already (max-flows)": 9 - MAX_FLOWS,
    }]);
    const lines = (await output).stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.filter(({ type }) => type === "flow").map(({ complete }) => complete), [false, false, false]);
  },
});
