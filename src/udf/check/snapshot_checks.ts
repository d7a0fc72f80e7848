import type { PointOrBatch } from "../batcher.ts";
import { firstDifference } from "./canonical.ts";
import { type Check, skip } from "./check.ts";
import { repeatUnits, requestsOf } from "./data.ts";
import type { Probe } from "./probe.ts";

const SNAPSHOTS = 5;
const LOAD_POINTS = 2000;
const SETTLE_MS = 50;

/** Snapshots, which Kapacitor takes at any moment and gives back to a new process. */
export const snapshotChecks: readonly Check[] = [
  {
    id: "snapshot",
    title: "answers a snapshot before any data",
    async run(context) {
      const probe = await context.start();
      await probe.send({ kind: "snapshot" });
      const { snapshot } = await probe.answer("snapshot");
      await probe.finish();
      if (snapshot.length === 0) return;
      const next = await context.start();
      await restore(next, snapshot);
      await next.finish();
    },
  },
  {
    id: "snapshot-restore",
    title: "goes on from a snapshot in a fresh process as if nothing had happened",
    async run(context) {
      const { deterministic } = await context.subject.reference();
      if (!deterministic) throw skip("two fresh runs on the same data gave different answers");
      const units = context.subject.units();
      const half = Math.ceil(units.length / 2);
      const first = await context.start();
      await first.send(...requestsOf(units.slice(0, half)));
      await first.settle();
      await first.quiet(SETTLE_MS);
      await first.send({ kind: "snapshot" });
      const { snapshot } = await first.answer("snapshot");
      const before = first.outputs.length;
      await first.send(...requestsOf(units.slice(half)));
      await first.finish();

      const second = await context.start();
      if (snapshot.length > 0) await restore(second, snapshot);
      await second.send(...requestsOf(context.subject.units().slice(half)));
      await second.finish();
      const difference = firstDifference(first.outputs.slice(before), second.outputs);
      if (difference === undefined) return snapshot.length === 0 ? "without state" : `${snapshot.length} bytes`;
      const { expected, came } = difference;
      if (snapshot.length === 0) {
        throw second.warn("it has state, but its snapshot is empty: it starts anew with Kapacitor", expected, came);
      }
      throw second.fail("after a restore it answers the same data differently", expected, came);
    },
  },
  {
    id: "snapshot-in-batch",
    title: "answers a snapshot inside a batch",
    async run(context) {
      if (context.subject.info?.wants !== "batch") throw skip("it wants single points");
      const reference = await context.subject.reference();
      const requests = requestsOf(context.subject.units());
      const probe = await context.start();
      const inside = Math.max(1, requests.findIndex(({ kind }) => kind === "end") - 1);
      await probe.send(...requests.slice(0, inside), { kind: "snapshot" });
      const { snapshot } = await probe.answer("snapshot");
      await probe.send(...requests.slice(inside));
      await probe.finish();
      const difference = reference.deterministic && firstDifference(reference.outputs, probe.outputs);
      if (difference) {
        throw probe.fail("a snapshot inside a batch changes its answer", difference.expected, difference.came);
      }
      if (snapshot.length === 0) return "empty";
      // Kapacitor starts anew with a whole batch, whatever the snapshot holds.
      const next = await context.start();
      await restore(next, snapshot);
      await next.send(...requestsOf(context.subject.units()));
      await next.finish();
    },
  },
  {
    id: "snapshot-load",
    title: "answers snapshots between points",
    async run(context) {
      const probe = await context.start();
      const units: PointOrBatch[] = repeatUnits(context.subject.units(), LOAD_POINTS);
      const share = Math.ceil(units.length / SNAPSHOTS);
      context.patient = true;
      for (let i = 0; i < SNAPSHOTS; i++) {
        await probe.send(...requestsOf(units.slice(i * share, (i + 1) * share)), { kind: "snapshot" });
      }
      for (let i = 0; i < SNAPSHOTS; i++) await probe.answer("snapshot");
      await probe.finish();
    },
  },
  {
    id: "restore-foreign",
    title: "answers a restore of what is no snapshot",
    async run(context) {
      // An older version of the UDF may have written the snapshot.
      const probe = await context.start();
      await probe.send({ kind: "restore", snapshot: new Uint8Array([0xff, 0xfe, 0x00, 0x7b, 0x22]) });
      const { outcome } = await probe.answer("restore");
      if (!outcome.success && outcome.error === "") {
        throw probe.warn("it refuses a snapshot without a reason", "an error text");
      }
      await probe.dismiss();
      return outcome.success ? "accepted" : `refused: ${outcome.error}`;
    },
  },
];

async function restore(probe: Probe, snapshot: Uint8Array): Promise<void> {
  await probe.send({ kind: "restore", snapshot });
  const { outcome } = await probe.answer("restore");
  if (!outcome.success) throw probe.fail("it refuses its own snapshot in a fresh process", "a success");
}
