import type { PointOrBatch } from "../batcher.ts";
import type { Check } from "./check.ts";
import type { Context } from "./context.ts";
import { pointsOf, repeatUnits, requestsOf } from "./data.ts";
import type { Probe } from "./probe.ts";

const KEEPALIVES = 10;
/** The size of a burst: what the UDF handles in this time, in ms, within these limits. */
const BURST_MS = 300;
const FEWEST = 200;
const MOST = 20_000;

/** Signs of life: Kapacitor gives up a UDF that is silent for its timeout. */
export const keepaliveChecks: readonly Check[] = [
  {
    id: "keepalive-idle",
    title: "answers keepalives before and after init",
    async run(context) {
      await askTime(await context.open(), -5n);
      await askTime(await context.start(), 1_700_000_000_123_456_789n);
    },
  },
  {
    id: "keepalive-load",
    title: "answers keepalives between points",
    async run(context) {
      const { units, probe } = await burst(context);
      const share = Math.ceil(units.length / KEEPALIVES);
      context.patient = true;
      const before = probe.keepalives.length;
      for (let i = 0; i < KEEPALIVES; i++) {
        await probe.send(...requestsOf(units.slice(i * share, (i + 1) * share)), {
          kind: "keepalive",
          time: BigInt(i),
        });
      }
      await probe.until(() => probe.keepalives.length >= before + KEEPALIVES || undefined, `${KEEPALIVES} keepalives`);
      await probe.finish();
    },
  },
  {
    id: "keepalive-long-call",
    title: "gives signs of life however long a call takes",
    async run(context) {
      const { units, probe, points } = await burst(context);
      const before = probe.keepalives.length;
      context.patient = true;
      probe.listen();
      await probe.send(...requestsOf(units), { kind: "keepalive", time: 1n });
      await probe.until(
        () => probe.keepalives.length > before || undefined,
        `a sign of life within every ${context.subject.timeoutMs / 1000} s`,
      );
      const silence = `${(probe.longestSilenceMs / 1000).toFixed(2)} s`;
      if (probe.longestSilenceMs > context.subject.timeoutMs / 2) {
        throw probe.warn(
          `it was silent for ${silence}, more than half of the timeout`,
          `a keepalive response now and then, while a call runs`,
        );
      }
      await probe.finish();
      return `${points} points at once, longest silence ${silence}`;
    },
  },
];

/** A keepalive is answered with its own time; agents may send others unasked, so all that comes is looked at. */
async function askTime(probe: Probe, time: bigint): Promise<void> {
  await probe.settle(time);
  await probe.finish();
  if (probe.keepalives.includes(time)) return;
  throw probe.warn(
    `it answers a keepalive with another time, which makes logs misleading`,
    `the time of the request, ${time}`,
    `the time ${probe.keepalives.at(-1)}`,
  );
}

/** As much data as the UDF handles in a moment, and a conversation for it. */
async function burst(context: Context): Promise<{ units: PointOrBatch[]; probe: Probe; points: number }> {
  const probe = await context.start();
  const trial = repeatUnits(context.subject.units(), FEWEST);
  const started = performance.now();
  await probe.send(...requestsOf(trial));
  await probe.settle();
  const perUnit = (performance.now() - started) / count(trial);
  context.extend();
  const wanted = Math.max(FEWEST, Math.min(MOST, BURST_MS / perUnit));
  const units = repeatUnits(trial, FEWEST + wanted).slice(trial.length);
  return { units, probe, points: count(units) };
}

function count(units: readonly PointOrBatch[]): number {
  return units.reduce((sum, unit) => sum + pointsOf(unit).length, 0);
}
