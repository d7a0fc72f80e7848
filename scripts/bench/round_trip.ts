import { Host } from "../../src/udf/host.ts";
import { Point } from "../../src/udf/point.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import type { Benchmark } from "./benchmark.ts";
import { median, medianOfRounds } from "./median.ts";
import { program, tine } from "./programs.ts";

const ECHO_BYTES = 200;

/** The bundled mirror, run as an author's module. */
const MIRROR_MODULE = new URL("../../src/udf/handlers/mirror.ts", import.meta.url).pathname;

/** Something that sends back what it gets. */
interface Trip extends AsyncDisposable {
  once(): Promise<void>;
}

/** How long a single point takes through host and agent, beside bytes through two pipes. */
export const benchmark: Benchmark = {
  summary: "round trip of single points through host and agent, beside a bare pipe echo",

  async *run({ quick }) {
    const trips = quick ? 50 : 3_000;
    await using points = await throughHostAndAgent("mirror");
    await using modules = await throughHostAndAgent(MIRROR_MODULE);
    await using bytes = throughBarePipes();
    const all = [points, modules, bytes];
    for (const trip of all) await medianMicroseconds(trip, trips); // warms up
    const measured = await medianOfRounds(
      quick ? 1 : 5,
      ...all.map((trip) => () => medianMicroseconds(trip, trips)),
    );
    const echo = measured[2];
    for (
      const [what, point, most] of [
        ["round trip of a point", measured[0], 1.5],
        ["through a module", measured[1], 3],
      ] as const
    ) {
      yield {
        what,
        figures: `${point.toFixed(0)} us, bare echo ${echo.toFixed(0)} us: ${(point / echo).toFixed(2)} x`,
        target: `at most ${most} x the bare echo`,
        reached: point <= most * echo,
      };
    }
  },
};

async function medianMicroseconds(trip: Trip, trips: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < trips; i++) {
    const started = performance.now();
    await trip.once();
    times.push((performance.now() - started) * 1000);
  }
  return median(times);
}

async function throughHostAndAgent(handler: string): Promise<Trip> {
  let arrived = Promise.withResolvers<void>();
  const host = new Host(startProcess(tine("agent", handler), (line) => console.error(line)), {
    point: () => arrived.resolve(),
    batch() {},
  });
  host.start();
  await host.init([]);
  const init = {
    name: "cpu",
    database: "telegraf",
    retentionPolicy: "autogen",
    group: "host=server01",
    dimensions: ["host"],
    tags: new Map([["host", "server01"], ["cpu", "cpu0"], ["region", "eu-west"]]),
    fieldsDouble: new Map([["usage", 40.5], ["idle", 59.5]]),
    fieldsInt: new Map([["processes", 180n]]),
    fieldsString: new Map([["state", "running"]]),
  };
  let time = 1_700_000_000_000_000_000n;
  return {
    async once() {
      arrived = Promise.withResolvers();
      await host.point(new Point({ ...init, time: time++ }));
      await arrived.promise;
    },
    [Symbol.asyncDispose]: () => host.stop(),
  };
}

function throughBarePipes(): Trip {
  const [command, ...args] = program("echo.ts");
  const child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.getReader();
  const message = new Uint8Array(ECHO_BYTES).fill(0x61);
  return {
    async once() {
      await writer.write(message);
      for (let received = 0; received < ECHO_BYTES;) {
        const { value, done } = await reader.read();
        if (done) throw new Error("the echo ended");
        received += value.length;
      }
    },
    async [Symbol.asyncDispose]() {
      await writer.close();
      await reader.cancel();
      await child.status;
    },
  };
}
