import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseCpuList } from "../../src/base/cpu_list.ts";
import { TineError } from "../../src/base/errors.ts";
import { ffiFlows, portableFlows } from "../../src/flow/create_flows.ts";
import { availability } from "../../src/sys/libc.ts";
import { testAsOrdinaryUser } from "../support/ordinary_user.ts";
import { unless } from "../support/unless.ts";
import { RecordedEvents } from "./stream/recorded_events.ts";

const ffi = availability();
const whyNot = ffi.available ? undefined : ffi.reason;
const { signal } = new AbortController();
const SCHED_FIFO = "1";

/** The processors that this process may have: of the main thread, which no test places. */
function allowed(): string {
  return cpusOf("self");
}

function cpusOf(task: string): string {
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(Deno.readTextFileSync(`/proc/${task}/status`))![1];
}

/** The threads of this process, as the kernel has them. */
function threads(): { cpus: string; policy: string; priority: number }[] {
  return Array.from(Deno.readDirSync("/proc/self/task"), ({ name }) => {
    const stat = Deno.readTextFileSync(`/proc/self/task/${name}/stat`);
    const [priority, policy] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(37, 39);
    return { cpus: cpusOf(`self/task/${name}`), policy, priority: Number(priority) };
  });
}

/** Why this process may not run threads before all usual ones. */
function whyNotRealtime(): string | undefined {
  if (whyNot !== undefined) return whyNot;
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
  const CAP_SYS_NICE = 23n;
  if ((BigInt(`0x${effective}`) >> CAP_SYS_NICE & 1n) === 0n) return "it takes CAP_SYS_NICE";
  if (!/^\s*0\s+0\s+4294967295\s*$/.test(Deno.readTextFileSync("/proc/self/uid_map"))) {
    return "it takes root of the host";
  }
  const throttle = Number(Deno.readTextFileSync("/proc/sys/kernel/sched_rt_runtime_us"));
  return throttle > 0 ? undefined : "the kernel does not throttle realtime threads";
}

Deno.test({
  ...unless(whyNot, "flows with a cpu run in threads of their own, on that processor alone"),
  async fn() {
    const cpu = String(parseCpuList(allowed()).at(-1));
    const before = allowed();
    await using flows = ffiFlows();
    const events = new RecordedEvents();
    await using server = await flows.packetServer({ listenAddr: ":0", cpu: Number(cpu) }, { events, signal });
    await using other = await flows.packetServer({ listenAddr: ":0" }, { events, signal });
    const pinned = () => threads().filter(({ cpus }) => cpus === cpu).length;
    if (before !== cpu) assertEquals(pinned(), 1);
    for (const [flow, { address }] of [["one", server], ["two", other]] as const) {
      const sender = [{ unresponsive: { packets: 5, wait: [1], echo: true } }];
      assert((await flows.packetClient(address, { flow, sender, cpu }, { events, signal })).complete);
    }
    // Both clients share a thread with the server, since they are placed alike.
    if (before !== cpu) assertEquals(pinned(), 1);
    await Promise.all([server[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
    const cpusIn = (flow: string, atServer: boolean) =>
      events.infos.find((info) => info.flow === flow && info.server === atServer)?.values.cpus;
    assertEquals([cpusIn("one", true), cpusIn("one", false), cpusIn("two", false)], [cpu, cpu, cpu]);
    assertEquals([allowed(), events.logs], [before, []]);
  },
});

Deno.test({
  ...unless(whyNot, "flows with a cpu that is not there fail, naming those that are"),
  async fn() {
    await using flows = ffiFlows();
    const events = new RecordedEvents();
    const config = { listenAddr: ":0", cpu: "0,4000", workers: 2 };
    const { code, message } = await assertRejects(() => flows.streamServer(config, { events, signal }), TineError);
    assertEquals(code, "no-such-cpu");
    assertStringIncludes(message, "there is no CPU 4000 to run on here, only 0");
  },
});

Deno.test({
  ...unless(whyNotRealtime(), "flows with a priority run before all usual threads, in each worker of a server"),
  async fn() {
    await using flows = ffiFlows();
    const events = new RecordedEvents();
    const config = { listenAddr: ":0", priority: 7, workers: 2 };
    await using server = await flows.streamServer(config, { events, signal });
    const raised = () => threads().filter(({ policy, priority }) => policy === SCHED_FIFO && priority === 7).length;
    assertEquals(raised(), 2);
    const upload = { flow: "up", length: 1000 };
    await flows.streamClient(server.address, { upload }, { events, signal });
    await server[Symbol.asyncDispose]();
    const priorityAt = (atServer: boolean) =>
      events.infos.find(({ server }) => server === atServer)!.values.realtimePriority;
    assertEquals([priorityAt(true), priorityAt(false), events.logs], [7, undefined, []]);
  },
});

testAsOrdinaryUser(
  import.meta.filename!,
  "flows with a priority that is not allowed run as usual, and say so once",
  async () => {
    if (whyNot !== undefined) return;
    await using flows = ffiFlows();
    const events = new RecordedEvents();
    await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
    for (const flow of ["a", "b"]) {
      const config = { upload: { flow, length: 1000 }, priority: 99, cpu: allowed().split(/[-,]/)[0] };
      assertEquals((await flows.streamClient(server.address, config, { events, signal })).bytes, 1000);
    }
    assertEquals(threads().filter(({ policy }) => policy === SCHED_FIFO), []);
    const told = events.infos.filter(({ server }) => !server).map(({ values }) => values.realtimePriority);
    assertEquals(told, [0, 0]);
    assertEquals(events.logs.length, 1);
    assertStringIncludes(events.logs[0], "priority 99 is not available, its thread runs as usual: it takes root");
  },
);

Deno.test("flows with a cpu or a priority are refused where Deno's network API serves", async () => {
  await using flows = portableFlows("it is asked for");
  const events = new RecordedEvents();
  const config = { listenAddr: ":0", cpu: 0, priority: 1 };
  const { code, message } = await assertRejects(() => flows.packetServer(config, { events, signal }), TineError);
  assertEquals(code, "ffi-unavailable");
  assertStringIncludes(message, "cpu and priority cannot be set");
});
