import { assertEquals } from "@std/assert";
import { inFolder } from "../result/fixtures.ts";
import { repeats, type StoredRunOptions, type StoredTest, storeRun } from "../result/compare/repeated_runs.ts";
import { buildTine } from "../support/built_tine.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

// tine compare and tine gate as they are deployed: each row is an expression, the figures, the verdict, the exit status.

const BULK = { goodput: 18.7e6, rtt: 90, retransmits: 11 };
const ALONE = { rtt: 10 }, BESIDE = { rtt: 29 };
const FLOWS: StoredTest["flows"] = { bulk: BULK, "voip.alone": ALONE, "voip.beside": BESIDE };

/** Repeats whose figures are a few thousandths apart. */
function several(n: number, factor = 1): StoredTest[] {
  const spread = Array.from({ length: n }, (_, i) => factor * (1 + (i * 7 % n - (n - 1) / 2) / 1000));
  return repeats({ name: "link" }, spread, (by) => ({ bulk: { goodput: Math.round(18.7e6 * by), rtt: 90 } }));
}

const one: StoredTest[] = [{ id: { name: "voip" }, flows: FLOWS }];
const limited: StoredTest[] = [{
  id: { name: "voip" },
  flows: { bulk: { ...BULK, limited: true }, voip: { rtt: 5, limited: true } },
}];
const cut: StoredTest[] = [{ id: { name: "voip" }, flows: { bulk: { ...BULK, cut: true }, voip: ALONE } }];
const failed: StoredTest[] = [{ id: { name: "voip" }, flows: FLOWS, status: "failed" }];

/** A row of the table of gates. */
interface GateRow {
  readonly gate: string;
  readonly figures: readonly StoredTest[];
  /** What the baseline is stored from. */
  readonly baseline?: readonly StoredTest[];
  readonly options?: StoredRunOptions;
  /** The line that is printed. */
  readonly line: string;
  readonly code: 0 | 3;
}

const GATES: readonly GateRow[] = [
  { gate: "voip.* rttP99 < 30ms", figures: one, line: "PASS       name=voip: voip.beside: 29.00 ms", code: 0 },
  { gate: "voip.* rttP99 < 20ms", figures: one, line: "FAIL       name=voip: voip.beside: 29.00 ms", code: 3 },
  { gate: "voip.beside rttP99 <= 29ms", figures: one, line: "PASS       name=voip: voip.beside: 29.00 ms", code: 0 },
  { gate: "bulk goodput > 18Mbps", figures: one, line: "PASS       name=voip: bulk: 18.7 Mbit/s", code: 0 },
  { gate: "bulk goodput >= 18.8Mbps", figures: one, line: "FAIL       name=voip: bulk: 18.7 Mbit/s", code: 3 },
  { gate: "bulk retransmits <= 11", figures: one, line: "PASS       name=voip: bulk: 11", code: 0 },
  {
    gate: "voip.beside toServer.lostPercent <= 0.1",
    figures: one,
    line: "PASS       name=voip: voip.beside: 0%",
    code: 0,
  },
  {
    gate: "voip toServer.lostPercent <= 0.1%",
    figures: [{ id: { name: "voip" }, flows: { voip: { rtt: 1, lost: 1 } } }],
    line: "FAIL       name=voip: voip: 2.0%",
    code: 3,
  },
  {
    gate: "voip.beside rttP99 < 3x voip.alone",
    figures: one,
    line: "PASS       name=voip: voip.beside: 29.00 ms, beside 10.00 ms of voip.alone",
    code: 0,
  },
  {
    gate: "voip.beside rttP99 < 2.5x voip.alone",
    figures: one,
    line: "FAIL       name=voip: voip.beside: 29.00 ms, beside 10.00 ms of voip.alone",
    code: 3,
  },
  {
    gate: "voip.* rttMedian < 40ms over sum",
    figures: one,
    line: "PASS       name=voip: sum of 2 flows: 39.00 ms",
    code: 0,
  },
  {
    gate: "voip.* rttMedian < 15ms over mean",
    figures: one,
    line: "FAIL       name=voip: mean of 2 flows: 19.50 ms",
    code: 3,
  },
  {
    gate: "voip.* rttMedian > 15ms over worst",
    figures: one,
    line: "FAIL       name=voip: worst of 2 flows: 10.00 ms",
    code: 3,
  },
  {
    gate: "bulk goodput > 18Mbps",
    figures: limited,
    line: "UNDECIDED  name=voip: bulk: 18.7 Mbit/s, limited by tine or its machine (sender-idle)",
    code: 3,
  },
  {
    gate: "voip goodput > 1Mbps",
    figures: limited,
    line: "UNDECIDED  name=voip: voip: 68.8 kbit/s, limited by tine or its machine (send-errors)",
    code: 3,
  },
  { gate: "voip rttP99 < 6ms", figures: limited, line: "PASS       name=voip: voip: 5.000 ms", code: 0 },
  { gate: "bulk goodput > 1bps", figures: cut, line: "NO DATA    name=voip: bulk: goodput is not known", code: 3 },
  {
    gate: "* rttMedian < 1s",
    figures: failed,
    line: "NO DATA    name=voip: bulk: no repeat of the test has succeeded (and 2 more)",
    code: 3,
  },
  { gate: "blk goodput > 1bps", figures: one, line: "NO DATA    no flow matches blk: did you mean bulk?", code: 3 },
  {
    gate: "bulk goodput > 1bps",
    figures: one,
    options: { planned: ["bulk.2"] },
    line: "PASS       name=voip: bulk: 18.7 Mbit/s",
    code: 0,
  },
  {
    gate: "bulk.** goodput > 1bps",
    figures: one,
    options: { planned: ["bulk.2"] },
    line: "NO DATA    name=voip: bulk.2: goodput is not known",
    code: 3,
  },
  {
    gate: "* goodput within 5% of baseline",
    figures: several(10, 0.999),
    baseline: several(10),
    line: "PASS       name=link: bulk: 18.7 Mbit/s against 18.7 Mbit/s, -0.4% to +0.2%",
    code: 0,
  },
  {
    gate: "* goodput within 3% of baseline",
    figures: several(10, 0.95),
    baseline: several(10),
    line: "FAIL       name=link: bulk: 17.8 Mbit/s against 18.7 Mbit/s, -5.3% to -4.7%",
    code: 3,
  },
  {
    gate: "bulk goodput >= 0.95x baseline",
    figures: several(10, 0.95),
    baseline: several(10),
    line:
      "UNDECIDED  name=link: bulk: 17.8 Mbit/s against 18.7 Mbit/s, -5.3% to -4.7%: more repeats make that narrower",
    code: 3,
  },
  {
    gate: "bulk goodput >= 0.95x baseline",
    figures: several(10, 1.2),
    baseline: several(10),
    line: "PASS       name=link: bulk: 22.4 Mbit/s against 18.7 Mbit/s, +19.6% to +20.3%",
    code: 0,
  },
  {
    gate: "* goodput within 5% of baseline",
    figures: several(3),
    baseline: several(3),
    line:
      "UNDECIDED  name=link: bulk: 18.7 Mbit/s against 18.7 Mbit/s, of 3 against 3 repeats: it takes at least 4 a side",
    code: 3,
  },
  {
    gate: "* goodput within 5% of baseline",
    figures: one,
    line: "NO DATA    name=voip: bulk: there is no baseline to compare with (and 2 more)",
    code: 3,
  },
];

const INTERVAL = "[ ]: interval of 95%";

/** Comparisons: figures of the base and of the other side, the row, and the last remark. */
const COMPARISONS: readonly [
  base: readonly StoredTest[],
  other: readonly StoredTest[],
  row: string,
  remark: string,
][] = [
  [
    several(10),
    several(10),
    "goodput | 18.7 Mbit/s [18.6, 18.8] | 18.7 Mbit/s [18.6, 18.8] | 0.0% [-0.3%, +0.3%] | 1.00 | no difference seen",
    INTERVAL,
  ],
  [
    several(10),
    several(10, 0.95),
    "goodput | 18.7 Mbit/s [18.6, 18.8] | 17.8 Mbit/s [17.7, 17.8] | -5.0% [-5.3%, -4.7%] | <0.0001 | worse",
    INTERVAL,
  ],
  [
    several(10),
    several(10, 1.05),
    "goodput | 18.7 Mbit/s [18.6, 18.8] | 19.6 Mbit/s [19.6, 19.7] | +5.0% [+4.7%, +5.3%] | <0.0001 | better",
    INTERVAL,
  ],
  [
    several(3),
    several(3, 0.95),
    "goodput | 18.7 Mbit/s (18.7 .. 18.7) | 17.8 Mbit/s (17.7 .. 17.8) | -5.0% (-5.2% .. -4.8%) | ~",
    "~: no verdict: 3 against 3 cannot reach 0.05; it needs at least 4 repeats a side",
  ],
  [
    several(1),
    several(1, 0.9),
    "goodput | 18.7 Mbit/s | 16.8 Mbit/s | -10.0% | ~",
    "~: no verdict: one repeat a side gives only a difference; it needs at least 4 repeats a side",
  ],
];

Deno.test({
  ...unless(whyNotInstalled("gzip"), "the executable has the verdict and the exit status of each gate and comparison"),
  async fn(t) {
    await using built = await buildTine();
    await inFolder(async (cache) => {
      const env = { NO_COLOR: "1", XDG_CACHE_HOME: cache };
      const tine = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(built.path, { args, env }).output();
        const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        return { code, stdout: text(stdout), stderr: text(stderr) };
      };
      await t.step("gates", () =>
        inFolder(async (out) => {
          const check = async ({ gate, figures, baseline, options, line, code }: GateRow, i: number) => {
            const run = await storeRun(`${out}/${i}`, figures, options);
            const more: string[] = [];
            if (baseline !== undefined) {
              const before = await storeRun(`${out}/${i}`, baseline, { started: "2026-11-01T00:00:00Z" });
              const saved = await tine("gate", before, "--save", "main");
              assertEquals([saved.code, saved.stdout], [0, ""], saved.stderr);
              more.push("--baseline", "main");
            }
            const ran = await tine("gate", run, "--gate", gate, ...more);
            const expected = `${line.slice(0, 11)}${gate}  ${line.slice(11)}\n`;
            assertEquals([ran.stdout, ran.stderr, ran.code], [expected, "", code]);
          };
          for (let i = 0; i < GATES.length; i += 4) {
            await Promise.all(GATES.slice(i, i + 4).map((row, j) => check(row, i + j)));
          }
        }));
      await t.step("comparisons", () =>
        inFolder(async (out) => {
          let day = 1;
          const run = (tests: readonly StoredTest[]) =>
            storeRun(out, tests, { started: new Date(Date.UTC(2026, 0, day++)).toISOString() });
          for (const [base, other, row, remark] of COMPARISONS) {
            const { code, stdout } = await tine("compare", await run(base), await run(other), "--figure=goodput");
            const line = stdout.split("\n").find((line) => line.startsWith("  goodput"))!;
            assertEquals([line.trim().replace(/ {2,}/g, " | "), code], [row, 0]);
            assertEquals(stdout.trimEnd().split("\n").at(-1), remark);
          }
        }));
    });
  },
});
