import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";
import { reachPlanUdf } from "../../src/bridge/reach_udf.ts";
import { Watchdog } from "../../src/node/process/watchdog.ts";
import { OutputAllowance, ProgramThreads, restrained } from "../../src/bridge/restraint.ts";
import { mayLeaveIdlePolicy, setGroupNice, threadTimes } from "../../src/sys/scheduling.ts";
import { availability } from "../../src/sys/libc.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import { eventually } from "../support/eventually.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

/** Computes until a line comes, answers, and computes again. */
const LOOPS = "trap 'echo answer; read line' USR1; while :; do :; done";
const SCHED_OTHER = 0, SCHED_IDLE = 5;

/** Source: proc(5), /proc/PID/stat, field 41. */
function policyOf(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38]);
}

/** The nice value of its group; undefined where there are no groups. */
function groupNice(pid: number): number | undefined {
  try {
    return Number(/nice (-?\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/autogroup`))?.[1]);
  } catch {
    return undefined;
  }
}

const counted = threadTimes("self").size > 0 ? whyNotInstalled("sh") : "the kernel does not count how threads wait";

Deno.test({
  ...unless(counted, "a UDF that computes without an answer gives way to all others, until it answers"),
  async fn() {
    const udf = startProcess(["sh", "-c", LOOPS], () => {});
    let times = 0;
    const threads = new ProgramThreads(udf.pid, 10);
    setGroupNice(udf.pid, 10);
    const watched = restrained(udf, threads, () => times++);
    try {
      const grouped = groupNice(udf.pid) !== undefined;
      const idle = availability().available && mayLeaveIdlePolicy();
      await watched.connection.write(new Uint8Array([0]));
      await eventually("it is restrained", () => times > 0 && groupNice(udf.pid) === (grouped ? 19 : undefined));
      assertEquals(policyOf(udf.pid), idle ? SCHED_IDLE : SCHED_OTHER);
      udf.signal!("SIGUSR1");
      assert(await watched.connection.read(new Uint8Array(100)) !== null);
      await eventually("it is as before", () => groupNice(udf.pid) === (grouped ? 10 : undefined));
      await eventually("its thread is as before", () => policyOf(udf.pid) === SCHED_OTHER);
      assertEquals(times, 1);
    } finally {
      watched.kill();
      await watched.close();
    }
  },
});

Deno.test("OutputAllowance lets UDFs return much, and makes those wait that flood", () => {
  const allowance = new OutputAllowance(0);
  // As much as comes in, however fast, and bursts without input.
  assertEquals(allowance.pauseMs({ rows: 1_000_000, points: 1_000_000 }, 1000), 0);
  assertEquals(allowance.pauseMs({ rows: 1_000_000, points: 1_100_000 }, 1010), 0);
  // A flood is read at 20,000 points a second.
  const pauses = [];
  let [now, points] = [1010, 1_100_000];
  for (let i = 0; i < 20; i++) {
    const pause = allowance.pauseMs({ rows: 1_000_000, points: points += 8192 }, now);
    pauses.push(pause);
    now += pause;
  }
  assert(points - 1_100_000 <= 20 * (now - 1010) + 20_000, `${points} points in ${now} ms: ${pauses}`);
  // When it has stopped for a while, it may go on.
  assertEquals(allowance.pauseMs({ rows: 1_000_000, points: points + 8192 }, now + 10_000), 0);
});

Deno.test("a module of a plan that loops is ended with its process, and gives its processor back", async () => {
  await using watchdog = new Watchdog();
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(path, "console.log('it loops'); for (;;);");
  const looping = Promise.withResolvers<void>();
  const log = (line: string) => line === "it loops" && looping.resolve();
  const udf = await reachPlanUdf({ handler: path }, { log, watchdog, retryMs: 0 });
  try {
    await looping.promise;
    assertEquals(udf.name, path);
    assert(existsSync(`/proc/${udf.pid}`));
    udf.kill();
    assertStringIncludes((await udf.ended)!, "was ended by SIGKILL");
    assert(!existsSync(`/proc/${udf.pid}`));
  } finally {
    await udf.close();
    await Deno.remove(path);
  }
});
