import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  acceptedBy,
  checkReceipt,
  checkReport,
  checkRequest,
  requestAt,
  requestOf,
  type StreamRequest,
} from "../../../src/flow/stream/messages.ts";
import { TineError } from "../../../src/base/errors.ts";

const request: StreamRequest = {
  flow: "bulk",
  direction: "upload",
  durationMs: 1000,
  sampleIOIntervalMs: 100,
  bufLenBytes: 131072,
};

Deno.test("requestOf() fills in what a configuration leaves out", () => {
  const { endMark, ...rest } = JSON.parse(JSON.stringify(requestOf({ upload: { flow: "bulk" } })));
  assertEquals(rest, { ...request, durationMs: 60_000, payload: "random" });
  assertNotEquals(endMark, requestOf({ upload: { flow: "bulk" } }).endMark);
  // As clients of earlier versions ask.
  const zeros = requestOf({ upload: { flow: "bulk", payload: "zeros" } });
  assertEquals([zeros.payload, zeros.endMark], [undefined, undefined]);
  const { durationMs, lengthBytes } = requestOf({ download: { flow: "bulk", length: 5 } });
  assertEquals([durationMs, lengthBytes], [undefined, 5]);
});

Deno.test("checkRequest() takes all that a client can ask for", () => {
  const whole: StreamRequest = {
    ...request,
    lengthBytes: 1e12,
    tcpInfoIntervalMs: 10,
    cca: "cubic",
    dscp: 46,
    sockopt: [{ type: "int", level: 1, opt: 12, name: "SO_PRIORITY", value: 6 }],
    payload: "0x00ff",
    endMark: "0123456789abcdef".repeat(2),
  };
  assertEquals(checkRequest(whole), whole);
});

Deno.test("checkRequest() refuses whatever else, and names it", () => {
  const bad: readonly [unknown, string][] = [
    [null, "object"],
    [[], "object"],
    [{ ...request, extra: 1 }, "extra"],
    [{ ...request, ["__proto__x"]: 1 }, "__proto__x"],
    [{ ...request, flow: "Bulk" }, "flow"],
    [{ ...request, direction: "both" }, "direction"],
    [{ ...request, durationMs: 0 }, "durationMs"],
    [{ ...request, durationMs: 1e12 }, "durationMs"],
    [{ ...request, durationMs: undefined }, "no end"],
    [{ ...request, lengthBytes: 0.5 }, "lengthBytes"],
    [{ ...request, bufLenBytes: 2 ** 30 }, "bufLenBytes"],
    [{ ...request, bufLenBytes: undefined }, "bufLenBytes"],
    [{ ...request, sampleIOIntervalMs: "1" }, "sampleIOIntervalMs"],
    [{ ...request, tcpInfoIntervalMs: 0 }, "tcpInfoIntervalMs"],
    [{ ...request, cca: "a/b" }, "cca"],
    [{ ...request, dscp: 64 }, "dscp"],
    [{ ...request, sockopt: [{ type: "int", level: 1, opt: 1, name: "X", value: "text" }] }, "sockopt"],
    [{ ...request, payload: "random" }, "endMark"],
    [{ ...request, endMark: "0".repeat(32) }, "endMark"],
    [{ ...request, payload: "./secrets", endMark: "0".repeat(32) }, "payload"],
    [{ ...request, payload: "random", endMark: "0".repeat(30) }, "endMark"],
    [{ ...request, direction: "download", payload: "file", endMark: "0".repeat(32) }, "file"],
    [{ ...request, ["\x1b[31m"]: 1 }, "[31m"],
  ];
  for (const [value, named] of bad) {
    const { code, message } = assertThrows(() => checkRequest(value), TineError);
    assertEquals(code, "bad-stream-request");
    assert(message.includes(named), message);
    assert(!/\p{C}/u.test(message));
  }
});

Deno.test("requestAt() has the socket options of one end: those of the sender, or of the side they name", () => {
  const option = (name: string, side?: "client" | "server" | "both") =>
    ({ type: "int", level: 1, opt: 12, name, value: 1, ...side && { side } }) as const;
  const sockopt = [option("sender"), option("c", "client"), option("s", "server"), option("b", "both")];
  const names = (end: "client" | "server", direction: "upload" | "download") => {
    const request = { flow: "a", direction, durationMs: 1, sampleIOIntervalMs: 0, bufLenBytes: 1, sockopt };
    return requestAt(end, checkRequest(request)).sockopt?.map(({ name }) => name);
  };
  assertEquals(names("client", "upload"), ["sender", "c", "b"]);
  assertEquals(names("server", "upload"), ["s", "b"]);
  assertEquals(names("client", "download"), ["c", "b"]);
  assertEquals(names("server", "download"), ["sender", "s", "b"]);
});

Deno.test("acceptedBy() throws why a server refused, fit to be printed", () => {
  acceptedBy("s", { ok: true });
  const error = assertThrows(
    () => acceptedBy("10.0.0.1:7000", { ok: false, code: "unknown-cca", message: "no \x1b[2Jreno" }),
    TineError,
  );
  assertEquals(error.code, "unknown-cca");
  assertEquals(error.message, "the server at 10.0.0.1:7000 refused: no  [2Jreno");
  for (const value of [null, {}, { ok: false }, { ok: false, code: "Bad Code", message: "" }]) {
    assertEquals(assertThrows(() => acceptedBy("s", value), TineError).code, "bad-stream-frame");
  }
});

Deno.test("checkReceipt() and checkReport() take numbers only", () => {
  assertEquals(checkReceipt({ bytes: 5, durationNanos: 7, more: 1 }), { bytes: 5, durationNanos: 7 });
  for (const value of [null, {}, { bytes: -1, durationNanos: 1 }, { bytes: 1, durationNanos: 0.5 }]) {
    assertEquals(assertThrows(() => checkReceipt(value), TineError).code, "bad-stream-frame");
  }
  const receipt = { bytes: 5, durationNanos: 7, serverCpuNanos: 3 };
  assertEquals(checkReceipt(receipt), receipt);
  assertEquals(checkReceipt({ ...receipt, serverCpuNanos: "3" }), { bytes: 5, durationNanos: 7 });
  assertEquals(checkReport({ rttMicros: 5, retransmits: "x", evil: 1 }), { rttMicros: 5 });
});
