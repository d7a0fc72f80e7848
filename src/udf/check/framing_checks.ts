import { firstDifference } from "./canonical.ts";
import type { Check } from "./check.ts";
import type { Context } from "./context.ts";
import { pointsOf, requestsOf, setField } from "./data.ts";
import type { Request } from "../messages.ts";
import type { Probe } from "./probe.ts";
import { framesOf } from "./wire.ts";

const LARGE = 300_000;
/** Single bytes are slow on a pipe; a few frames show the same as many. */
const BYTEWISE = 4096;

/** The stream of frames: lengths, pieces, and nothing in between. */
export const framingChecks: readonly Check[] = [
  {
    id: "frames-bytewise",
    title: "reads frames that come in single bytes",
    async run(context) {
      const probe = await context.open();
      const bytes = framesOf(conversation(context));
      const some = Math.min(bytes.length, BYTEWISE);
      for (let i = 0; i < some; i++) await probe.sendBytes(bytes.subarray(i, i + 1), "a single byte of init and data");
      if (some < bytes.length) await probe.sendBytes(bytes.subarray(some), "the rest of the data");
      await answersAll(context, probe);
    },
  },
  {
    id: "frames-joined",
    title: "reads many frames that come in one piece",
    async run(context) {
      const probe = await context.open();
      await probe.sendBytes(framesOf(conversation(context)), "init, all data and a keepalive in one write");
      await answersAll(context, probe);
    },
  },
  {
    id: "frames-large",
    title: "reads frames of several hundred KiB",
    async run(context) {
      const probe = await context.start();
      const units = context.subject.units().slice(0, 3);
      for (const point of units.flatMap(pointsOf).slice(0, 2)) setField(point, "tine_large", "x".repeat(LARGE));
      await probe.send(...requestsOf(units));
      await probe.settle();
      await probe.finish();
    },
  },
  {
    id: "stdout-frames-only",
    title: "sends nothing but frames, also where things go wrong",
    async run(context) {
      const options = context.subject.needOptions();
      const unknown = { name: "tine_unknown", values: [] };
      const init = (more: typeof options): Request => ({
        kind: "init",
        init: { options: more, taskId: "check", nodeId: "udf1" },
      });
      const start: Request[] = [{ kind: "info" }, init([...options, unknown]), init(options)];
      const odd: Request[] = [{ kind: "snapshot" }, { kind: "restore", snapshot: new Uint8Array([0xff, 0x00, 0x7b]) }];
      const probe = await context.open();
      for (const request of [...start, ...requestsOf(context.subject.units()), ...odd]) await probe.send(request);
      for (const kind of ["info", "init", "init", "snapshot", "restore"] as const) await probe.answer(kind);
      await probe.finish();
    },
  },
];

/** Init, all data, a keepalive. */
function conversation(context: Context): Request[] {
  const options = context.subject.needOptions();
  return [
    { kind: "init", init: { options, taskId: "check", nodeId: "udf1" } },
    ...requestsOf(context.subject.units()),
    { kind: "keepalive", time: 3n },
  ];
}

async function answersAll(context: Context, probe: Probe): Promise<void> {
  const { outcome } = await probe.answer("init");
  const expected = "the same as for frames that come one by one";
  if (!outcome.success) throw probe.fail("it refused its options", expected);
  await probe.until(() => probe.keepalives.length > 0 || undefined, "an answer to keepalive");
  await probe.finish();
  const reference = await context.subject.reference();
  if (!reference.deterministic) return;
  const difference = firstDifference(reference.outputs, probe.outputs);
  if (difference !== undefined) {
    throw probe.fail(`its answer depends on how frames are cut; ${expected}`, difference.expected, difference.came);
  }
}
