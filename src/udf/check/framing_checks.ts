import type { PointOrBatch } from "../batcher.ts";
import { firstDifference } from "./canonical.ts";
import type { Check } from "./check.ts";
import type { Context } from "./context.ts";
import { copyUnits, pointsOf, requestsOf, setField } from "./data.ts";
import type { Request } from "../messages.ts";
import type { Probe } from "./probe.ts";
import { frame, framesOf, withUnknownFields } from "./wire.ts";
import { groupId } from "../group.ts";
import type { Point } from "../point.ts";

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

/** Other versions of the protocol, and other readers of it. */
export const compatibilityChecks: readonly Check[] = [
  {
    id: "older-peer",
    title: "takes messages without the fields that came later",
    async run(context) {
      // Left out on the wire: taskID, nodeID, size, byName, fieldsBool.
      const options = context.subject.needOptions();
      const probe = await context.open();
      await probe.send({ kind: "init", init: { options, taskId: "", nodeId: "" } });
      await succeeds(probe);
      await probe.send(...requestsOf(context.subject.units().map(older)));
      await probe.settle();
      await probe.finish();
    },
  },
  {
    id: "unknown-fields",
    title: "skips fields that it does not know",
    async run(context) {
      const { probe } = await sendAll(context, withUnknownFields, "with unknown fields");
      await probe.finish();
    },
  },
  {
    id: "empty-request",
    title: "skips a request that is empty or unknown",
    async run(context) {
      const probe = await context.open();
      const init = initRequest(context);
      await probe.sendBytes(frame(new Uint8Array()), "an empty request");
      await probe.send(init);
      await succeeds(probe);
      await probe.sendBytes(frame(new Uint8Array()), "an empty request");
      await probe.sendBytes(withUnknownFields({ kind: "empty" }), "a request of an unknown kind");
      await probe.settle();
      await probe.finish();
    },
  },
  {
    id: "decoders-agree",
    title: "sends messages that two protobuf decoders read alike",
    async run(context) {
      const { SecondReader } = await import("./second_reader.ts");
      const second = new SecondReader();
      const probe = await context.open();
      let difference: string | undefined;
      probe.inspect = (response, bytes) => void (difference ??= second.difference(response, bytes));
      await probe.send({ kind: "info" }, initRequest(context));
      await probe.answer("info");
      await succeeds(probe);
      await probe.send(
        ...requestsOf(context.subject.units()),
        ...requestsOf(copyUnits(context.subject.units(), 0n, odd)),
      );
      await probe.settle(-1n);
      await probe.send({ kind: "snapshot" });
      const { snapshot } = await probe.answer("snapshot");
      if (snapshot.length > 0) { // Kapacitor keeps no other
        await probe.send({ kind: "restore", snapshot });
        await probe.answer("restore");
      }
      await probe.finish();
      if (difference !== undefined) {
        throw probe.warn(difference, "the same to any decoder: each field once, as in udf.proto");
      }
    },
  },
];

/** Gives a point values that decoders tend to read differently. */
function odd(point: Point): void {
  setField(point, "tine_int", -(2n ** 63n));
  setField(point, "tine_double", -0);
  setField(point, "tine_nan", NaN);
  setField(point, "tine_bool", false);
  setField(point, "__proto__", "text");
  point.tags.set("__proto__", "\u{10ffff}");
}

function initRequest(context: Context): Request {
  return { kind: "init", init: { options: context.subject.needOptions(), taskId: "check", nodeId: "udf1" } };
}

async function sendAll(context: Context, encode: (request: Request) => Uint8Array, how: string) {
  const probe = await context.open();
  const send = (request: Request) => probe.sendBytes(encode(request), `${request.kind} ${how}`);
  await send(initRequest(context));
  await succeeds(probe);
  for (const request of requestsOf(context.subject.units())) await send(request);
  await send({ kind: "keepalive", time: 1n });
  await probe.until(() => probe.keepalives.length > 0 || undefined, "an answer to keepalive");
  return { probe };
}

async function succeeds(probe: Probe): Promise<void> {
  const { outcome } = await probe.answer("init");
  if (!outcome.success) throw probe.fail("it refused options that it accepted before", "a success");
}

/** A unit as Kapacitor sent it before there was byName, size and fieldsBool. */
function older(unit: PointOrBatch): PointOrBatch {
  const [copy] = copyUnits([unit], 0n, (point) => {
    if (point.fieldsBool.size > 0) point.fieldsBool = new Map();
    if (point.byName) {
      point.byName = false;
      point.group = groupId(point);
    }
  });
  if (copy.kind === "point") return copy;
  const { begin, points, end } = copy.batch;
  return { kind: "batch", batch: { begin: { ...begin, size: 0n, byName: false }, points, end } };
}
