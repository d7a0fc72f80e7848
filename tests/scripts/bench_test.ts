import { assertEquals, assertMatch } from "@std/assert";
import { registry } from "../../scripts/bench/registry.ts";
import { whyNoSshd } from "../support/sshd.ts";
import { testTogether } from "../support/together.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

const bench = new URL("../../scripts/bench.ts", import.meta.url).pathname;
const noLinux = Deno.build.os === "linux" ? undefined : "it takes Linux";
const isMissing = (...programs: string[]) => whyNotInstalled(...programs) !== undefined;

async function runBench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-A", bench, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** What a smoke run of a benchmark prints. */
interface Printed {
  /** Why it is not measured here. */
  readonly missing?: string;
  readonly lines: readonly RegExp[];
}

const formats = ["line protocol", "JSON lines", "CSV, printed as line protocol"];
const handlers = ["ewma", "rate", "quantile", "anomaly", "join"];
const PRINTED: Readonly<Record<string, Printed>> = {
  "agent-throughput": { lines: [/strings that never repeat: [\d,]+ points\/s, plain loop [\d,]+: [\d.]+ x$/m] },
  "cpp-throughput": {
    lines: [/strings that repeat: [\d,]+ points\/s, C\+\+ [\d,]+: [\d.]+ x$|not measured, the peer is missing: /m],
  },
  "handler-throughput": {
    lines: handlers.map((name) => new RegExp(`^  ${name} .*: [\\d,]+ points/s, moving-avg [\\d,]+: [\\d.]+ x$`, "m")),
  },
  "module-throughput": {
    lines: ["module", "relay"].map((what) =>
      new RegExp(`^  ${what}: [\\d,]+ points/s, direct [\\d,]+: [\\d.]+ x$`, "m")
    ),
  },
  "text-formats": {
    lines: [
      ...formats.flatMap((format) => [
        new RegExp(`^  ${format}: read and printed, without a UDF: [\\d,]+ read, [\\d,]+ printed`, "m"),
        new RegExp(`^  ${format}: through tine host --handler mirror: [\\d,]+ points/s$`, "m"),
      ]),
      /; InfluxDB's in Go: [\d,]+ read, [\d,]+ both$|InfluxDB's parser: not measured: go is missing/m,
    ],
  },
  "round-trip": {
    lines: ["round trip of a point", "through a module"].map((what) =>
      new RegExp(`^  ${what}: \\d+ us, bare echo \\d+ us: [\\d.]+ x$`, "m")
    ),
  },
  "agent-memory": { lines: [/^ {2}memory of the agent: \d+ MB after .*, \d+ MB after .* \(at most \d+ MB\)$/m] },
  "help": { lines: [/^ {2}tine --help: \d+ ms, empty program \d+ ms: [\d.]+ x$/m] },
  "node-launch": {
    missing: noLinux,
    lines: [
      /one node: \d+ ms \(\d+ ms of CPU time\), empty program \d+ ms .*: [\d.?]+ x \([\d.?]+ x\);/,
      /20 nodes, .*, 20 empty programs at the same time \d+ ms .*: [\d.?]+ x \([\d.?]+ x\)$/m,
    ],
  },
  "node-records": {
    lines: [/records, [\d.]+ bytes each: [\d,]+\/s, the same bytes through cat [\d,]+\/s: [\d.]+ x$/m],
  },
  "node-logs": { lines: [/logs, [\d.]+ bytes each: [\d,]+\/s, the same bytes through cat [\d,]+\/s: [\d.]+ x$/m] },
  "node-memory": { missing: noLinux, lines: [/shares: [\d.]+ MB, empty program [\d.]+ MB: [\d.]+ x$/m] },
  "system-calls": {
    missing: noLinux,
    lines: [
      /sendmmsg with GSO, 1400 bytes: [\d,]+\/s, Deno's [\d,]+\/s: [\d.]+ x$/m,
      /clock_gettime: \d+ ns, performance.now \d+ ns$/m,
    ],
  },
  "tcp-throughput": {
    missing: noLinux,
    lines: [
      /loopback: [\d.]+ Gbit\/s on [\d.]+ cores/,
      /received, the same loop in C [\d.]+ Gbit\/s on [\d.]+ cores: [\d.]+ x \(.*\)$|; no C compiler is installed$/m,
      isMissing("iperf3")
        ? /iperf3 is not installed/
        : / cores without a copy of what is received, iperf3 [a-z ]+ [\d.]+ Gbit\/s on [\d.]+ cores: [\d.]+ x \(.*\)$/m,
    ],
  },
  "udp-throughput": {
    missing: noLinux,
    lines: [
      /bytes: [\d,]+\/s, [\d.]+% lost, on [\d.]+ cores/,
      / cores, the same loop in C [\d,]+\/s, .* cores: [\d.]+ x \([\d.]+ to [\d.]+\)$|; no C compiler is installed$/m,
      isMissing("iperf3")
        ? /iperf3 is not installed/
        : /bytes with GSO: .* cores, iperf3 [\d,]+\/s, [\d.]+% lost, on [\d.]+ cores: [\d.]+ x$/m,
      /bytes, signed: [\d,]+\/s, [\d.]+% lost, on [\d.]+ cores: [\d.]+ x plain$/m,
    ],
  },
  "udp-pace": {
    missing: noLinux,
    lines: [
      /CPU time of both ends in 10 s, .*: [\d.]+ s, iperf3/,
      /lateness of sends: median [\d.]+ us, 99th percentile [\d.]+ us; \d+ packets lost or dropped$/m,
    ],
  },
  "udp-echo": {
    missing: noLinux,
    lines: [
      /RTT as each defines it, [a-z ]+: median [\d.]+ us, 99th percentile [\d.]+ us, irtt /,
      /RTT and the time at the server: [\d.]+ us, irtt /,
      isMissing("irtt")
        ? /irtt is not installed/
        : / us, irtt [\d.]+ us: [\d.]+ x at the median; of tine, both medians added$/m,
    ],
  },
  "transactions": {
    missing: noLinux,
    lines: ["TCP_RR", "TCP_CRR", "UDP_RR"].flatMap((kind) => [
      new RegExp(`^  ${kind}, one flow, 64 bytes each way: [\\d,]+/s, (?:the plain loop in C|sockperf|no peer)`, "m"),
      new RegExp(`^  ${kind}, 100 flows: [\\d,]+/s together$`, "m"),
    ]),
  },
  "many-flows": {
    missing: noLinux,
    lines: [
      ...["1 flow", "10 flows", "100 flows", "1,000 flows"].map((flows) =>
        new RegExp(
          `^  ${flows}: [\\d,]+ packets/s, \\d+ lost, CPU a packet: client [\\d.]+ us, server [\\d.]+ us; late`,
          "m",
        )
      ),
      /^ {2}two clients, UDP, sent by the server: two workers [\d,]+ packets\/s, one [\d,]+ packets\/s: [\d.]+ x;/m,
      /^ {2}two clients, TCP, received by the server: two workers [\d.]+ Gbit\/s, one [\d.]+ Gbit\/s: [\d.]+ x;/m,
    ],
  },
  "udp-recording": {
    missing: noLinux,
    lines: [/recorded: [\d,]+\/s, [\d.]+ bytes on disk a packet, by hand [\d,]+\/s: [\d.]+ x$/m],
  },
  "bridge": {
    missing: noLinux,
    lines: [
      ...["moving-avg", "mirror"].map((name) =>
        new RegExp(`^  ${name}, round trips of a flow, stored: [\\d,]+ .* rows/s$`, "m")
      ),
      ...["without", "with moving-avg"].map((what) =>
        new RegExp(
          `a packet each ms, ${what}: goodput .* Mbit/s, RTT p99 .* us, lateness p99 .* us, CPU in all .* s$`,
          "m",
        )
      ),
    ],
  },
  "export": {
    lines: [
      /analysis of echoes, both ends: [\d,]+ samples\/s$/m,
      ...["csv", "jsonl", "line", "parquet"].map((format) =>
        new RegExp(`packets as ${format}, the whole command: [\\d,]+ rows/s, \\d+ MB`)
      ),
      /memory of tine export of packets as parquet, at [\d,]+ and [\d,]+ samples: \d+ MB, \d+ MB$/m,
    ],
  },
  "second-look": {
    lines: ["one flow", "1,000 flows", "one flow of a test that was killed"].map((what) =>
      new RegExp(`^  ${what}, 10,000 samples: first look [\\d.]+ s, second look \\d+ ms, tine --help \\d+ ms: `, "m")
    ),
  },
  "report-page": {
    lines: [
      /page of 40,000 records: [\d.]+ s, \d+ MB of memory, [\d.]+ MB$/m,
      /page of 40,000 points, opened .*: usable \d+ ms|chromium is not installed/m,
    ],
  },
  "ssh-launch": {
    missing: whyNoSshd(),
    lines: [
      /first launch by ssh: \d+ ms; sent tine in [\d.]+ s, [\d.]+ MB\/s$/m,
      /second launch by ssh: \d+ ms, ssh HOST true \d+ ms, .* \d+ ms, nothing sent$/m,
    ],
  },
};

testTogether(
  "each benchmark has a smoke run, which prints what it measured beside its peers",
  [...registry.keys()].map((name) => ({
    ...unless(PRINTED[name]?.missing, name),
    async fn() {
      const { code, stdout, stderr } = await runBench("--quick", name);
      assertEquals(code, 0, stderr);
      // No other is run.
      assertEquals([...stdout.matchAll(/^([\w-]+): /gm)].map(([, ran]) => ran), [name]);
      assertEquals(PRINTED[name] !== undefined, true, `what ${name} prints is to be tested:\n${stdout}`);
      for (const line of PRINTED[name].lines) assertMatch(stdout, line);
    },
  })),
  2,
);

Deno.test("bench lists the benchmarks there are when it does not know one", async () => {
  const { code, stderr } = await runBench("no-such-thing");
  assertEquals(code, 2);
  assertMatch(stderr, /there is no no-such-thing/);
  assertMatch(stderr, /^ {2}round-trip /m);
});
