import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { TineError } from "../../src/base/errors.ts";
import { Session, type SessionOptions } from "../../src/udf/session.ts";
import { ScriptedUdf } from "../support/scripted_udf.ts";
import { pointRequest } from "../support/udf_driver.ts";

/** A session with a scripted UDF, and the kinds of what came in it. */
function open(options: SessionOptions = {}, onResponse = (_kind: string) => {}) {
  const udf = new ScriptedUdf();
  const session = new Session(udf.running, { timeoutMs: 0, ...options });
  const kinds: string[] = [];
  session.start(async () => {
    for (let event; (event = await session.event()) !== undefined;) {
      while (event === "responses" && session.next()) {
        const response = session.response();
        kinds.push(response.kind);
        session.answer(response);
        onResponse(response.kind);
      }
    }
  });
  return { udf, session, kinds };
}

Deno.test("a session yields all responses, also those that come in one read or after the end of the input", async () => {
  const { udf, session, kinds } = open();
  await udf.send(pointRequest(1), { kind: "keepalive", time: 0n }, pointRequest(2));
  const finished = session.finish();
  await udf.drain();
  await udf.send(pointRequest(3));
  await udf.leave();
  await finished;
  assertEquals(kinds, ["point", "keepalive", "point", "point"]);
  assertEquals(session.failure, undefined);
});

Deno.test("an end before that of the input is a failure, and names the question that is open", async () => {
  const { udf, session } = open();
  const asked = assertRejects(() => session.ask({ kind: "snapshot" }), TineError, "without answering snapshot");
  await udf.nextOf("snapshot");
  await udf.endOutput();
  udf.exit();
  const error = await asked;
  assertStrictEquals(await assertRejects(() => session.finish()), error);
  assertEquals(error.code, "udf-ended");
});

Deno.test("Session.expectEnd() makes an early end no failure", async () => {
  const { udf, session } = open();
  session.expectEnd();
  await udf.endOutput();
  udf.exit();
  await session.finish();
  assertEquals(session.failure, undefined);
});

Deno.test("the first reason is the one kept, and nothing more is handed out", async () => {
  const reasons: Error[] = [];
  const { udf, session, kinds } = open({ onAbort: (error) => reasons.push(error) });
  const first = new TineError("enough", "enough of it");
  session.abort(first);
  session.abort(new TineError("later", "too late"));
  await udf.send(pointRequest(1));
  const left = udf.leave();
  assertStrictEquals(await assertRejects(() => session.finish()), first);
  await left;
  assertEquals([reasons, kinds], [[first], []]);
  assertThrows(() => session.send({ kind: "info" }), TineError, "enough of it");
});

Deno.test("what the client throws gives up the UDF, and the rest of the output is read away", async () => {
  const { udf, session } = open({}, () => {
    throw new TineError("refused", "no room for it");
  });
  await udf.send(pointRequest(1));
  await udf.send(...Array.from({ length: 2000 }, (_, i) => pointRequest(i, "x".repeat(100))));
  const left = udf.leave();
  const error = await assertRejects(() => session.finish(), TineError, "no room for it");
  await left;
  assertStrictEquals(session.failure, error);
});

Deno.test("a session without keepalives sends none, however long the UDF is silent", async () => {
  const { udf, session } = open({ keepalives: false, timeoutMs: 20 });
  await session.send({ kind: "info" });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const finished = session.finish();
  const requests = await udf.drain();
  await udf.send({ kind: "info", info: { wants: "stream", provides: "stream", options: new Map() } });
  await udf.leave();
  await finished;
  assertEquals(requests.map(({ kind }) => kind), ["info"]);
});

Deno.test("silence after the end of the input is judged where that is asked for", async () => {
  const { udf, session } = open({ timeoutMs: 40, judgesSilentEnd: true, killAfterMs: 10 });
  const draining = udf.drain();
  await assertRejects(() => session.finish(), TineError, "no sign of life for 0.04 s");
  await draining;
  assertEquals(udf.kills, 1);
});

/** Whether the input of a UDF that answers no keepalive ends within a time, which is less than the wait for an answer. */
async function endsWithin(ms: number, session: Session, udf: ScriptedUdf, drainTimeoutMs?: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(false), ms));
  const finished = session.finish(drainTimeoutMs).catch(() => {}); // a machine that is busy may be late
  const left = udf.leave();
  const ends = await Promise.race([left.then(() => true), late]);
  await left;
  await finished;
  clearTimeout(timer!);
  return ends;
}

Deno.test("the input ends at once for a UDF that may not be silent much longer", async () => {
  const { udf, session } = open({ timeoutMs: 500 });
  await session.send({ kind: "info" });
  while (session.silenceMs < 251) await new Promise((resolve) => setTimeout(resolve, 251 - session.silenceMs));
  assert(await endsWithin(200, session, udf));
});

Deno.test("the wait for the last answer leaves a UDF half of the time that it may take to end", async () => {
  const { udf, session } = open();
  await session.send({ kind: "info" });
  assert(await endsWithin(200, session, udf, 240));
});
