import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Request, Response } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { WireError } from "../../src/base/errors.ts";
import { concat, frame, requestBytes, requestIn, responseBytes, responseIn } from "../support/bytes.ts";
import { describe, type Json } from "../support/describe.ts";
import { Generator, REQUEST_KINDS, RESPONSE_KINDS } from "../support/generate.ts";
import { findProtoc, findPython, generatePython, named, PROTO_DIR, run } from "../support/peers.ts";
import { Random } from "../support/random.ts";

const protoc = await findProtoc();
const python = await findPython();

/** Messages whose values are lost most easily. */
const EXTREMES: Request[] = [
  { kind: "keepalive", time: -(2n ** 63n) },
  { kind: "keepalive", time: 2n ** 63n - 1n },
  {
    kind: "point",
    point: new Point({
      time: 2n ** 53n + 1n,
      name: "__proto__",
      tags: new Map([["__proto__", ""], ["", "__proto__"], ["constructor", "😀"]]),
      fieldsDouble: new Map([["__proto__", NaN], ["minus", -0], ["up", Infinity], ["down", -Infinity], [
        "tiny",
        5e-324,
      ]]),
      fieldsInt: new Map([["__proto__", -(2n ** 63n)], ["most", 2n ** 63n - 1n], ["minus", -1n]]),
      fieldsString: new Map([["__proto__", "\0\ufeff\u{10ffff}"]]),
      fieldsBool: new Map([["__proto__", false], ["yes", true]]),
    }),
  },
];

async function protocCall(mode: "encode" | "decode", type: string, input: Uint8Array): Promise<Uint8Array> {
  const args = [`--${mode}=agent.${type}`, `--proto_path=${PROTO_DIR}`, "udf.proto"];
  const { code, stdout, stderr } = await run(protoc.command!, args, input);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

Deno.test({
  name: named("protoc reads what encodeRequest() writes, decodeRequest() what protoc writes", protoc),
  ignore: !protoc.command,
  async fn() {
    const generator = new Generator(new Random(201));
    const sent = [...EXTREMES, ...REQUEST_KINDS.flatMap((kind) => [generator.request(kind), generator.request(kind)])];
    await Promise.all(sent.map(async (request) => {
      const text = await protocCall("decode", "Request", requestBytes(request));
      const bytes = await protocCall("encode", "Request", text);
      assertEquals(describe(requestIn(bytes)), describe(request));
    }));
  },
});

Deno.test({
  name: named("protoc reads what encodeResponse() writes, decodeResponse() what protoc writes", protoc),
  ignore: !protoc.command,
  async fn() {
    const generator = new Generator(new Random(202));
    const sent = RESPONSE_KINDS.flatMap((kind) => [generator.response(kind), generator.response(kind)]);
    await Promise.all(sent.map(async (response) => {
      const text = await protocCall("decode", "Response", responseBytes(response));
      const bytes = await protocCall("encode", "Response", text);
      assertEquals(describe(responseIn(bytes)), describe(response));
    }));
  },
});

Deno.test({
  name: named("protoc prints the extremes that encodeRequest() was given", protoc),
  ignore: !protoc.command,
  async fn() {
    const print = async (request: Request) =>
      new TextDecoder().decode(await protocCall("decode", "Request", requestBytes(request)));
    assertEquals(await print(EXTREMES[0]), "keepalive {\n  time: -9223372036854775808\n}\n");
    assertEquals(await print(EXTREMES[1]), "keepalive {\n  time: 9223372036854775807\n}\n");
    const text = await print(EXTREMES[2]);
    assertStringIncludes(text, "time: 9007199254740993");
    for (const [key, value] of [["__proto__", "nan"], ["minus", "-0"], ["up", "inf"], ["down", "-inf"]]) {
      assertStringIncludes(text, `fieldsDouble {\n    key: "${key}"\n    value: ${value}\n`);
    }
    assertStringIncludes(text, 'fieldsInt {\n    key: "__proto__"\n    value: -9223372036854775808\n');
    assertStringIncludes(text, 'tags {\n    key: "__proto__"\n    value: ""\n');
  },
});

/** What Python says about each message: see python_peer.py. */
async function askPython(type: "Request" | "Response", payloads: Uint8Array[]): Promise<PythonAnswer[]> {
  const dir = await generatePython(protoc.command!);
  try {
    const script = new URL("../support/python_peer.py", import.meta.url).pathname;
    const input = concat(payloads.map(frame));
    const { stdout, stderr, code } = await run(python.command!, [script, dir, type], input);
    // Python's protobuf grumbles about invalid UTF-8 on stderr, and refuses it.
    assertEquals(code, 0, stderr);
    const answers: PythonAnswer[] = new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    assertEquals(answers.length, payloads.length);
    return answers;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

type PythonAnswer = { holds: { [key: string]: Json }; bytes: string } | null;

async function agree<T extends Request | Response>(
  type: "Request" | "Response",
  sent: T[],
  encode: (message: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Promise<void> {
  const answers = await askPython(type, sent.map(encode));
  for (let i = 0; i < sent.length; i++) {
    const expected = describe(sent[i]);
    assertEquals(answers[i]?.holds, expected);
    assertEquals(describe(decode(Uint8Array.fromHex(answers[i]!.bytes))), expected);
  }
}

Deno.test({
  name: named("Python reads what encodeRequest() writes, decodeRequest() what Python writes", protoc, python),
  ignore: !protoc.command || !python.command,
  async fn() {
    const generator = new Generator(new Random(203));
    const sent = [...EXTREMES, ...Array.from({ length: 1000 }, () => generator.request())];
    await agree("Request", sent, requestBytes, requestIn);
  },
});

Deno.test({
  name: named("Python reads what encodeResponse() writes, decodeResponse() what Python writes", protoc, python),
  ignore: !protoc.command || !python.command,
  async fn() {
    const generator = new Generator(new Random(204));
    await agree("Response", Array.from({ length: 1000 }, () => generator.response()), responseBytes, responseIn);
  },
});

Deno.test({
  name: named("decodeRequest() joins what comes again as Python does", protoc, python),
  ignore: !protoc.command || !python.command,
  async fn() {
    const random = new Random(206);
    const generator = new Generator(random);
    const kinds = ["keepalive", "begin", "point", "end", "init", "restore"] as const;
    const joined = Array.from({ length: 2000 }, () => {
      const kind = random.pick(kinds);
      const parts = Array.from(
        { length: 2 + random.below(2) },
        () => requestBytes(generator.request(random.oneIn(5) ? random.pick(kinds) : kind)),
      );
      return concat(parts);
    });
    const answers = await askPython("Request", joined);
    for (const [i, bytes] of joined.entries()) {
      assertEquals(JSON.stringify(describe(requestIn(bytes))), JSON.stringify(answers[i]!.holds), bytes.toHex());
    }
  },
});

Deno.test({
  name: named("decodeRequest() understands damaged requests as Python does, where both accept them", protoc, python),
  ignore: !protoc.command || !python.command,
  async fn() {
    const random = new Random(205);
    const generator = new Generator(random);
    const damaged = Array.from({ length: 4000 }, () => {
      const bytes = requestBytes(generator.request(random.pick(["keepalive", "begin", "point", "end"])));
      for (let i = random.below(3); i >= 0; i--) bytes[random.below(bytes.length)] ^= 1 << random.below(8);
      return bytes;
    });
    const answers = await askPython("Request", damaged);
    let both = 0;
    for (let i = 0; i < damaged.length; i++) {
      let read: Request | undefined;
      try {
        read = requestIn(damaged[i]);
      } catch (error) {
        assert(error instanceof WireError);
      }
      const answer = answers[i];
      if (read === undefined || answer === null) continue;
      both++;
      const text = JSON.stringify(describe(read));
      assertEquals(text, JSON.stringify(answer.holds), damaged[i].toHex());
    }
    assert(both > 500, `${both} accepted by both`);
  },
});
