import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { whyNoSshd } from "../support/sshd.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

const bench = new URL("../../scripts/bench.ts", import.meta.url).pathname;

async function runBench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-A", bench, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("bench runs the benchmark that is named, side by side with its peer", async () => {
  const { code, stdout, stderr } = await runBench("--quick", "agent-throughput");
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^agent-throughput: /m);
  assertMatch(stdout, /strings that never repeat: [\d,]+ points\/s, plain loop [\d,]+: [\d.]+ x$/m);
  assertEquals(stdout.includes("round-trip"), false);
});

Deno.test("bench reads and prints text beside InfluxDB's parser, or says that it is missing", async () => {
  const { code, stdout, stderr } = await runBench("--quick", "text-formats");
  assertEquals(code, 0, stderr);
  for (const format of ["line protocol", "JSON lines", "CSV, printed as line protocol"]) {
    assertMatch(
      stdout,
      new RegExp(`^  ${format}: read and printed, without a UDF: [\\d,]+ read, [\\d,]+ printed`, "m"),
    );
    assertMatch(stdout, new RegExp(`^  ${format}: through tine host --handler mirror: [\\d,]+ points/s$`, "m"));
  }
  assertMatch(stdout, /; InfluxDB's in Go: [\d,]+ read, [\d,]+ both$|InfluxDB's parser: not measured: go is missing/m);
});

Deno.test("bench sends records and log entries through three processes to the disk", async () => {
  const { code, stdout, stderr } = await runBench("--quick", "node-records", "node-logs");
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /records, [\d.]+ bytes each: [\d,]+\/s, the same bytes through cat [\d,]+\/s: [\d.]+ x$/m);
  assertMatch(stdout, /logs, [\d.]+ bytes each: [\d,]+\/s, the same bytes through cat [\d,]+\/s: [\d.]+ x$/m);
});

Deno.test({
  name: "bench measures system calls beside Deno's own API",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { code, stdout, stderr } = await runBench("--quick", "system-calls");
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /sendmmsg with GSO, 1400 bytes: [\d,]+\/s, Deno's [\d,]+\/s: [\d.]+ x$/m);
    assertMatch(stdout, /clock_gettime: \d+ ns, performance.now \d+ ns$/m);
  },
});

Deno.test({
  name: "bench measures traffic, beside its peers where they are installed",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { code, stdout, stderr } = await runBench("--quick", "tcp-throughput", "udp-echo", "udp-recording");
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /loopback: [\d.]+ Gbit\/s on [\d.]+ cores/);
    assertMatch(stdout, /RTT as each defines it, [a-z ]+: median [\d.]+ us, 99th percentile [\d.]+ us, irtt /);
    assertMatch(stdout, /RTT and the time at the server: [\d.]+ us, irtt /);
    const peers = {
      iperf3: / cores without a copy of what is received, iperf3 [a-z ]+ [\d.]+ Gbit\/s on [\d.]+ cores: [\d.]+ x$/m,
      irtt: / us, irtt [\d.]+ us: [\d.]+ x at the median; of tine, both medians added$/m,
    };
    for (const [peer, figures] of Object.entries(peers)) {
      if (whyNotInstalled(peer) === undefined) assertMatch(stdout, figures);
      else assertStringIncludes(stdout, `${peer} is not installed`);
    }
    assertMatch(stdout, /recorded: [\d,]+\/s, [\d.]+ bytes on disk a packet, by hand [\d,]+\/s: [\d.]+ x$/m);
  },
});

Deno.test({
  name: "bench measures what nodes take, beside empty programs",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { code, stdout, stderr } = await runBench("--quick", "node-launch", "node-memory");
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /one node: \d+ ms \(\d+ ms of CPU time\), empty program \d+ ms .*: [\d.?]+ x \([\d.?]+ x\);/);
    assertMatch(stdout, /20 nodes, .*, 20 empty programs at the same time \d+ ms .*: [\d.?]+ x \([\d.?]+ x\)$/m);
    assertMatch(stdout, /shares: [\d.]+ MB, empty program [\d.]+ MB: [\d.]+ x$/m);
  },
});

Deno.test({
  name: "bench measures what a pace of packets takes, and how late they are",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { code, stdout, stderr } = await runBench("--quick", "udp-pace");
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /CPU time of both ends in 10 s, .*: [\d.]+ s, iperf3/);
    assertMatch(
      stdout,
      /lateness of sends: median [\d.]+ us, 99th percentile [\d.]+ us; \d+ packets lost or dropped$/m,
    );
  },
});

Deno.test({
  ...unless(whyNoSshd(), "bench launches a node by ssh, beside a login and a start of the executable"),
  async fn() {
    const { code, stdout, stderr } = await runBench("--quick", "ssh-launch");
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /first launch by ssh: \d+ ms; sent tine in [\d.]+ s, [\d.]+ MB\/s$/m);
    assertMatch(stdout, /second launch by ssh: \d+ ms, ssh HOST true \d+ ms, .* \d+ ms, nothing sent$/m);
  },
});

Deno.test("bench lists the benchmarks there are when it does not know one", async () => {
  const { code, stderr } = await runBench("no-such-thing");
  assertEquals(code, 2);
  assertMatch(stderr, /there is no no-such-thing/);
  assertMatch(stderr, /^ {2}round-trip /m);
});

Deno.test("bench measures the analysis and the formats of exports, beside pyarrow where it is installed", async () => {
  const { code, stdout, stderr } = await runBench("--quick", "export");
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /analysis of echoes, both ends: [\d,]+ samples\/s$/m);
  for (const format of ["csv", "jsonl", "line", "parquet"]) {
    assertMatch(stdout, new RegExp(`packets as ${format}, the whole command: [\\d,]+ rows/s, \\d+ MB`));
  }
  assertMatch(stdout, /memory of tine export of packets as parquet, at [\d,]+ and [\d,]+ samples: \d+ MB, \d+ MB$/m);
});
