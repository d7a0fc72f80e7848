import type { CheckResult } from "../../../src/udf/check/check.ts";
import { Point } from "../../../src/udf/point.ts";
import { concat, frame, responseBytes } from "../../support/bytes.ts";
import { batchReplies, type Fault, infoOf, type Reply, type State } from "./faulty_udf.ts";

/** A UDF with a mistake, and the check that notices it. */
export interface Case {
  /** The mistake. */
  mistake: string;
  check: string;
  status: CheckResult["status"];
  /** A part of the reason. */
  reason: string;
  fault: () => Fault;
  settings?: string[];
}

/** How long checks wait in these tests, in ms. */
export const TIMEOUT_MS = 300;

const encoder = new TextEncoder();
const asText = (text: string) => encoder.encode(text);
const die = (): never => {
  throw new Error("crash");
};
const init = (success: boolean, error = ""): Reply => ({ kind: "init", outcome: { success, error } });
const pause = (ms: number, { killed }: State) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    void killed.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
const hang = (state: State) => state.killed;
/** Changes each point before it is sent back. */
const changed = (change: (point: Point) => void): Fault => ({
  respond(request) {
    if (request.kind === "point") change(request.point);
  },
});
const batchFault = (respond: NonNullable<Fault["respond"]>): Fault => ({ edge: "batch", respond });
/** Sends something else where a batch ends. */
const batchAnswer =
  (answer: (batch: NonNullable<State["batch"]>, end: Parameters<typeof batchReplies>[2]) => Reply[]) => (): Fault => {
    let batch: State["batch"];
    return batchFault((request, state) => {
      if (request.kind === "point") batch = state.batch;
      if (request.kind === "end" && batch !== undefined) return answer(batch, request);
    });
  };
const snapshotOf = (text: string): Reply => ({ kind: "snapshot", snapshot: asText(text) });
/** Numbers its answers. */
const counting = (more: Fault["respond"]): Fault => {
  return {
    respond(request, state, bytes) {
      if (request.kind === "point") request.point.fieldsInt.set("count", BigInt(state.points));
      return more?.(request, state, bytes);
    },
  };
};

/** One mistake or more for each check. */
export const CASES: readonly Case[] = [
  {
    mistake: "hangs at the end of its input",
    check: "info-alone",
    status: "fail",
    reason: "did not end within 0.3 s",
    fault: () => ({ atEnd: (state) => hang(state) }),
  },
  {
    mistake: "prints text at its start",
    check: "info-alone",
    status: "fail",
    reason: "text where only frames belong",
    fault: () => ({ respond: () => [asText("starting up, please wait ...\n")] }),
  },
  {
    mistake: "answers info with an empty response",
    check: "info-alone",
    status: "fail",
    reason: "an empty or unknown response",
    fault: () => ({ respond: () => [frame(new Uint8Array())] }),
  },
  {
    mistake: "does not answer info",
    check: "info-alone",
    status: "fail",
    reason: "did not answer within 0.3 s",
    fault: () => ({ respond: (request) => request.kind === "info" ? [] : undefined }),
  },
  {
    mistake: "changes its info",
    check: "info-again",
    status: "fail",
    reason: "its info changes",
    fault: () => ({
      respond: (request, state) =>
        request.kind === "info" && state.requests > 1 ? [{ kind: "info", info: infoOf("batch") }] : undefined,
    }),
  },
  {
    mistake: "fails at the end of its input before init",
    check: "end-before-init",
    status: "fail",
    reason: "exited with status 1",
    fault: () => ({ atEnd: (state) => state.requests === 0 ? die() : undefined }),
  },
  {
    mistake: "refuses the options that were given",
    check: "init",
    status: "fail",
    reason: "no luck",
    settings: ["x=1"],
    fault: () => ({
      options: { x: ["int"] },
      respond: (request) => request.kind === "init" ? [init(false, "no luck")] : undefined,
    }),
  },
  {
    mistake: "refuses all options, and none were given",
    check: "init",
    status: "warn",
    reason: "give them with --set",
    fault: () => ({ respond: (request) => request.kind === "init" ? [init(false, "no luck")] : undefined }),
  },
  {
    mistake: "crashes without options",
    check: "init-without",
    status: "fail",
    reason: "exited with status 1",
    fault: () => ({
      options: { x: ["int"] },
      respond: (request) => request.kind === "init" && request.init.options.length === 0 ? die() : undefined,
    }),
  },
  {
    mistake: "refuses without a reason",
    check: "init-without",
    status: "warn",
    reason: "without a reason",
    fault: () => ({
      options: { x: ["int"] },
      respond: (request) => request.kind === "init" && request.init.options.length === 0 ? [init(false)] : undefined,
    }),
  },
  {
    mistake: "reports an error for an option that is repeated",
    check: "init-repeated",
    status: "fail",
    reason: "it reported an error",
    fault: () => ({
      options: { x: ["int"] },
      respond: (request) =>
        request.kind === "init" && request.init.options.length > 1 ? [{ kind: "error", error: "twice" }] : undefined,
    }),
  },
  {
    mistake: "hangs for a value of another type",
    check: "init-wrong-type",
    status: "fail",
    reason: "did not answer within 0.3 s",
    settings: ["x=1"],
    fault: () => ({
      options: { x: ["int"] },
      async respond(request, state) {
        if (request.kind === "init" && request.init.options[0]?.values[0]?.type === "string") await hang(state);
      },
    }),
  },
  ...[
    ["init-wrong-type", "reports an error for a value of another type"],
    ["init-without-values", "reports an error for an option without values"],
    ["init-unknown", "reports an error for an unknown option"],
  ].map(([check, mistake]): Case => ({
    mistake,
    check,
    status: "warn",
    reason: "it ends with an error where it could refuse the options: no such option",
    settings: ["x=1"],
    fault: () => ({
      options: { x: ["int"] },
      respond(request) {
        if (request.kind !== "init") return;
        const { options } = request.init;
        if (options.length === 1 && options[0].values[0]?.type === "int") return;
        return [{ kind: "error", error: "no such option" }];
      },
    }),
  })),
  {
    mistake: "crashes for an option without values",
    check: "init-without-values",
    status: "fail",
    reason: "exited with status 1",
    settings: ["x=1"],
    fault: () => ({
      options: { x: ["int"] },
      respond: (request) => request.kind === "init" && request.init.options[0]?.values.length === 0 ? die() : undefined,
    }),
  },
  {
    mistake: "answers restore to an init with an unknown option",
    check: "init-unknown",
    status: "fail",
    reason: "it answered restore where init was asked",
    fault: () => ({
      respond: (request) =>
        request.kind === "init" && request.init.options.length > 0
          ? [{ kind: "restore", outcome: { success: true, error: "" } }]
          : undefined,
    }),
  },
  {
    mistake: "gets stuck on its first point",
    check: "data",
    status: "fail",
    reason: "did not",
    fault: () => ({
      async respond(request, state) {
        if (request.kind === "point") await hang(state);
      },
    }),
  },
  {
    mistake: "swallows keepalives",
    check: "keepalive-idle",
    status: "fail",
    reason: "did not answer within 0.3 s",
    fault: () => ({ respond: (request) => request.kind === "keepalive" ? [] : undefined }),
  },
  {
    mistake: "answers keepalives with another time",
    check: "keepalive-idle",
    status: "warn",
    reason: "another time",
    fault: () => ({
      respond: (request) => request.kind === "keepalive" ? [{ kind: "keepalive", time: 0n }] : undefined,
    }),
  },
  {
    mistake: "answers every second keepalive",
    check: "keepalive-load",
    status: "fail",
    reason: "did not answer within 0.3 s",
    fault: () => {
      let count = 0;
      return { respond: (request) => request.kind === "keepalive" && count++ % 2 === 1 ? [] : undefined };
    },
  },
  {
    mistake: "takes twice the timeout for a point",
    check: "keepalive-long-call",
    status: "fail",
    reason: "did not",
    fault: () => ({
      async respond(request, state) {
        if (request.kind === "point" && state.points === 300) await pause(2 * TIMEOUT_MS, state);
      },
    }),
  },
  {
    mistake: "takes three quarters of the timeout for a point",
    check: "keepalive-long-call",
    status: "warn",
    reason: "more than half of the timeout",
    fault: () => ({
      async respond(request, state) {
        if (request.kind === "point" && state.points === 300) await pause(TIMEOUT_MS * 0.7, state);
      },
    }),
  },
  {
    mistake: "takes each piece that it reads for whole frames",
    check: "frames-bytewise",
    status: "fail",
    reason: "exited with status 1",
    fault: () => ({ onRead: (bytes) => bytes.length === 1 ? die() : undefined }),
  },
  {
    mistake: "reads into a buffer that is too small for many frames",
    check: "frames-joined",
    status: "fail",
    reason: "exited with status 1",
    fault: () => ({ onRead: (bytes) => bytes.length > 1000 ? die() : undefined }),
  },
  {
    mistake: "refuses frames of more than 64 KiB",
    check: "frames-large",
    status: "fail",
    reason: "it reported an error",
    fault: () => ({
      respond: (_request, _state, bytes) => bytes.length > 65536 ? [{ kind: "error", error: "too large" }] : undefined,
    }),
  },
  {
    mistake: "prints a stack trace where a restore fails",
    check: "stdout-frames-only",
    status: "fail",
    reason: "text where only frames belong",
    fault: () => ({
      respond: (request) =>
        request.kind === "restore" ? [asText('Traceback (most recent call last):\n  File "udf.py"\n')] : undefined,
    }),
  },
  {
    mistake: "knows ASCII only",
    check: "unicode",
    status: "fail",
    reason: "it alters the field",
    fault: () =>
      changed((point) => {
        for (const [name, value] of point.fieldsString) {
          // deno-lint-ignore no-control-regex
          point.fieldsString.set(name, value.replace(/[^\x00-\x7f]/g, "?"));
        }
      }),
  },
  {
    mistake: "strips tags",
    check: "unicode",
    status: "fail",
    reason: "it alters the tag",
    fault: () => changed((point) => point.tags.forEach((value, name) => point.tags.set(name, value.trim()))),
  },
  {
    mistake: "sends text that is not UTF-8",
    check: "unicode",
    status: "fail",
    reason: "not UTF-8",
    fault: () => ({
      respond(request, _state, bytes) {
        if (request.kind !== "point") return;
        const broken = bytes.slice();
        const at = broken.findIndex((byte, i) => byte === 0xe6 && broken[i + 1] === 0x97 && broken[i + 2] === 0xa5);
        if (at > 0) broken[at] = 0xff;
        return [frame(broken)];
      },
    }),
  },
  {
    mistake: "keeps fields in a plain object",
    check: "odd-keys",
    status: "fail",
    reason: 'it loses the field "__proto__"',
    fault: () => changed((point) => void point.fieldsString.delete("__proto__")),
  },
  {
    mistake: "computes integers as doubles",
    check: "int64",
    status: "fail",
    reason: "it alters the field",
    fault: () =>
      changed((point) =>
        point.fieldsInt.forEach((value, name) => point.fieldsInt.set(name, BigInt.asIntN(64, BigInt(Number(value)))))
      ),
  },
  {
    mistake: "takes NaN for 0",
    check: "doubles",
    status: "fail",
    reason: "it alters the field",
    fault: () =>
      changed((point) => point.fieldsDouble.forEach((value, name) => point.fieldsDouble.set(name, value || 0))),
  },
  {
    mistake: "drops what is false",
    check: "booleans",
    status: "fail",
    reason: "it loses the field",
    fault: () => changed((point) => point.fieldsBool.forEach((value, name) => value || point.fieldsBool.delete(name))),
  },
  {
    mistake: "keeps times as doubles",
    check: "times",
    status: "fail",
    reason: "it alters times",
    fault: () => changed((point) => point.time = BigInt(Number(point.time))),
  },
  {
    mistake: "keeps times in ms",
    check: "times",
    status: "fail",
    reason: "it alters times",
    fault: () => changed((point) => point.time = point.time / 1_000_000n * 1_000_000n),
  },
  {
    mistake: "crashes on text that is not UTF-8",
    check: "invalid-utf8",
    status: "warn",
    reason: "exited with status 1",
    fault: () => ({
      respond: (_request, _state, bytes) => bytes.includes(0xff) && bytes.length > 100 ? die() : undefined,
    }),
  },
  {
    mistake: "sends on text that is not UTF-8",
    check: "invalid-utf8",
    status: "warn",
    reason: "which Kapacitor refuses",
    fault: () => ({ respond: (request, _state, bytes) => request.kind === "point" ? [frame(bytes)] : undefined }),
  },
  {
    mistake: "wants a task id",
    check: "older-peer",
    status: "fail",
    reason: "it refused options",
    fault: () => ({
      respond: (request) =>
        request.kind === "init" && request.init.taskId === "" ? [init(false, "no task")] : undefined,
    }),
  },
  {
    mistake: "refuses fields that it does not know",
    check: "unknown-fields",
    status: "fail",
    reason: "it reported an error",
    fault: () => ({
      respond: (_request, _state, bytes) =>
        new TextDecoder().decode(bytes).includes("from a later version")
          ? [{ kind: "error", error: "what?" }]
          : undefined,
    }),
  },
  {
    mistake: "crashes on an empty request",
    check: "empty-request",
    status: "fail",
    reason: "exited with status 1",
    fault: () => ({ respond: (request) => request.kind === "empty" ? die() : undefined }),
  },
  {
    mistake: "sends the answer to a keepalive in two parts, which decoders join or not",
    check: "decoders-agree",
    status: "warn",
    reason: "keepalive comes in parts, which some decoders join and others do not",
    fault: () => ({
      respond: (request) =>
        request.kind === "keepalive" && request.time === -1n
          ? [frame(concat([responseBytes(request), new Uint8Array([0x1a, 0])]))]
          : undefined,
    }),
  },
  {
    mistake: "wants the name of points in batches",
    check: "batch-as-sent",
    status: "fail",
    reason: "it reported an error",
    fault: () =>
      batchFault((request) =>
        request.kind === "point" && request.point.name === "" ? [{ kind: "error", error: "no name" }] : undefined
      ),
  },
  {
    mistake: "crashes on an empty batch",
    check: "batch-empty",
    status: "fail",
    reason: "exited with status 1",
    fault: () => {
      let points = 0;
      return batchFault((request) => {
        if (request.kind === "begin") points = 0;
        if (request.kind === "point") points++;
        if (request.kind === "end" && points === 0) die();
      });
    },
  },
  {
    mistake: "hangs on a batch of two points",
    check: "batch-small",
    status: "fail",
    reason: "did not",
    fault: () =>
      batchFault(async (request, state) => {
        if (request.kind === "begin" && request.begin.size === 2n) await hang(state);
      }),
  },
  {
    mistake: "waits for as many points as a batch announced",
    check: "batch-size-hint",
    status: "fail",
    reason: "it reported an error",
    fault: () => {
      let missing = 0n;
      return batchFault((request) => {
        if (request.kind === "begin") missing = request.begin.size;
        if (request.kind === "point") missing--;
        if (request.kind === "end" && missing !== 0n) return [{ kind: "error", error: "wrong size" }];
      });
    },
  },
  {
    mistake: "ends a batch without its name",
    check: "batch-begin-end",
    status: "fail",
    reason: "does not repeat its name and tags",
    fault: batchAnswer(({ begin, points }, end) =>
      batchReplies({ ...begin, size: 0n }, points, { kind: "end", end: { ...end.end, name: "" } })
    ),
  },
  {
    mistake: "announces one point too many",
    check: "batch-begin-end",
    status: "fail",
    reason: "it announced 11",
    fault: batchAnswer(({ begin, points }, end) => batchReplies({ ...begin, size: 11n }, points, end)),
  },
  {
    mistake: "announces a negative size",
    check: "batch-begin-end",
    status: "fail",
    reason: "negative size",
    fault: batchAnswer(({ begin, points }, end) => batchReplies({ ...begin, size: -1n }, points, end)),
  },
  {
    mistake: "ends a batch that it has not begun",
    check: "batch-begin-end",
    status: "fail",
    reason: "has not begun",
    fault: batchAnswer((_batch, end) => [end]),
  },
  {
    mistake: "does not end its last batch",
    check: "batch-begin-end",
    status: "fail",
    reason: "inside a batch",
    fault: () =>
      batchFault((request, state) =>
        request.kind === "end"
          ? state.points < 60 ? [] : [{ kind: "begin", begin: { ...request.end, size: 0n } }]
          : undefined
      ),
  },
  {
    mistake: "sends points where it provides batches",
    check: "batch-begin-end",
    status: "fail",
    reason: "a point outside of a batch",
    fault: batchAnswer(({ points }) => [{ kind: "point", point: points[0] }]),
  },
  {
    mistake: "crashes on data of the wrong edge",
    check: "wrong-edge",
    status: "warn",
    reason: "exited with status 1",
    fault: () => ({ respond: (request) => request.kind === "begin" ? die() : undefined }),
  },
  {
    mistake: "answers data of the wrong edge",
    check: "wrong-edge",
    status: "warn",
    reason: "does not want",
    fault: () => ({
      respond: (request) =>
        request.kind === "begin" || request.kind === "end" ? [] : request.kind === "point" ? [request] : undefined,
    }),
  },
  {
    mistake: "swaps the groups of points",
    check: "group-ids",
    status: "warn",
    reason: "names a group",
    fault: () => changed((point) => point.group = "host=other"),
  },
  {
    mistake: "loses the tags of a group",
    check: "group-ids",
    status: "fail",
    reason: "names the dimension host and has no such tag",
    fault: () => changed((point) => point.tags = new Map()),
  },
  {
    mistake: "reorders points",
    check: "order",
    status: "warn",
    reason: "goes back in time",
    fault: () => ({
      respond(request, state) {
        if (request.kind !== "point") return;
        state.held.unshift(request);
        return state.held.length === 6 ? state.held.splice(0) : [];
      },
    }),
  },
  {
    mistake: "writes at the end of a connection that asks for info only",
    check: "early-output",
    status: "fail",
    reason: "on a connection that asks for info only",
    fault: () => ({ atEnd: ({ ready }) => ready ? [] : [{ kind: "point", point: new Point({ name: "bye" }) }] }),
  },
  {
    mistake: "writes before it answers init",
    check: "early-output",
    status: "fail",
    reason: "before it answered init",
    fault: () => ({
      respond(request) {
        if (request.kind === "init") return [{ kind: "point", point: new Point({ name: "hello" }) }, init(true)];
      },
    }),
  },
  {
    mistake: "writes before it answers the restore after init",
    check: "early-output",
    status: "fail",
    reason: "before it answered the restore",
    fault: () => ({
      respond(request) {
        if (request.kind === "snapshot") return [snapshotOf("state")];
        if (request.kind !== "restore") return;
        return [
          { kind: "point", point: new Point({ name: "again" }) },
          { kind: "restore", outcome: { success: true, error: "" } },
        ];
      },
    }),
  },
  {
    mistake: "does not answer a snapshot",
    check: "snapshot",
    status: "fail",
    reason: "did not answer within 0.3 s",
    fault: () => ({ respond: (request) => request.kind === "snapshot" ? [] : undefined }),
  },
  {
    mistake: "refuses its own snapshot",
    check: "snapshot",
    status: "fail",
    reason: "refuses its own snapshot",
    fault: () => ({
      respond(request) {
        if (request.kind === "snapshot") return [snapshotOf("state")];
        if (request.kind === "restore") return [{ kind: "restore", outcome: { success: false, error: "no" } }];
      },
    }),
  },
  {
    mistake: "forgets its state in a snapshot",
    check: "snapshot-restore",
    status: "fail",
    reason: "after a restore it answers the same data differently",
    fault: () => counting((request) => request.kind === "snapshot" ? [snapshotOf("state")] : undefined),
  },
  {
    mistake: "has state and no snapshot",
    check: "snapshot-restore",
    status: "warn",
    reason: "its snapshot is empty",
    fault: () => counting(undefined),
  },
  {
    mistake: "is not deterministic, so that nothing can be compared",
    check: "snapshot-restore",
    status: "skip",
    reason: "two fresh runs",
    fault: () => changed((point) => void point.fieldsDouble.set("random", Math.random())),
  },
  {
    mistake: "refuses a snapshot inside a batch",
    check: "snapshot-in-batch",
    status: "fail",
    reason: "it reported an error",
    fault: () =>
      batchFault((request, state) =>
        request.kind === "snapshot" && state.batch !== undefined ? [{ kind: "error", error: "not now" }] : undefined
      ),
  },
  {
    mistake: "drops the batch of which a snapshot is taken",
    check: "snapshot-in-batch",
    status: "fail",
    reason: "changes its answer",
    fault: () =>
      batchFault((request, state) => {
        if (request.kind === "snapshot" && state.batch !== undefined) state.batch.points = [];
      }),
  },
  {
    mistake: "answers three snapshots",
    check: "snapshot-load",
    status: "fail",
    reason: "did not answer within 0.3 s",
    fault: () => {
      let count = 0;
      return { respond: (request) => request.kind === "snapshot" && ++count > 3 ? [] : undefined };
    },
  },
  {
    mistake: "crashes on a foreign snapshot",
    check: "restore-foreign",
    status: "fail",
    reason: "exited with status 1",
    fault: () => ({ respond: (request) => request.kind === "restore" ? die() : undefined }),
  },
  {
    mistake: "fails at the end of its input",
    check: "end-drains",
    status: "fail",
    reason: "exited with status 1",
    fault: () => ({ atEnd: (state) => state.points > 0 ? die() : undefined }),
  },
  {
    mistake: "loses what it has buffered at the end of its input",
    check: "end-drains",
    status: "fail",
    reason: "it loses data",
    fault: () => ({
      respond(request, state) {
        if (request.kind === "keepalive") return [...state.held.splice(0), request];
        if (request.kind !== "point") return;
        state.held.push(request);
        return state.held.length === 7 ? state.held.splice(0) : [];
      },
    }),
  },
  {
    mistake: "hangs where its input ends inside a batch",
    check: "end-in-batch",
    status: "fail",
    reason: "did not end within 0.3 s",
    fault: () => ({
      edge: "batch",
      async atEnd(state) {
        if (state.batch !== undefined) await hang(state);
      },
    }),
  },
  {
    mistake: "mixes up two uses at the same time",
    check: "two-at-once",
    status: "fail",
    reason: "disturb each other",
    fault: () => ({
      respond(request) {
        if (request.kind !== "point") return;
        const before = shared.point;
        shared.point = request.point.copy();
        return [{ kind: "point", point: before?.time === request.point.time ? before : shared.point }]
          .map((reply): Reply => {
            if (before?.time === request.point.time) reply.point.name = "mixed up";
            return { kind: "point", point: reply.point };
          });
      },
    }),
  },
  {
    mistake: "ignores SIGTERM",
    check: "sigterm",
    status: "fail",
    reason: "did not end within 0.3 s",
    fault: () => ({ onSignal: () => undefined }),
  },
  {
    mistake: "ends on SIGTERM as if it had crashed",
    check: "sigterm",
    status: "warn",
    reason: "exited with status 143",
    fault: () => ({ onSignal: () => "exited with status 143" }),
  },
  {
    mistake: "is no process",
    check: "sigterm",
    status: "skip",
    reason: "no child process",
    fault: () => ({}),
  },
  {
    mistake: "writes an endless line to stderr",
    check: "stderr-lines",
    status: "fail",
    reason: "stops to read stderr",
    fault: () => ({ stderr: "x".repeat(64 * 1024), onSignal: () => "well" }),
  },
];

const shared: { point: Point | undefined } = { point: undefined };
