import { assertEquals, assertThrows } from "@std/assert";
import { decodeNode, decodeRun } from "../../../src/node/protocol/control.ts";
import { runners } from "../../../src/node/runners.ts";
import { TineError } from "../../../src/base/errors.ts";

Deno.test("decodeRun() takes the trees that plans are decoded to", () => {
  const node = { id: "left", launcher: { local: {} } };
  const run = {
    id: { name: "x" },
    timeout: 5,
    serial: [
      {},
      { parallel: [{ sleep: 5 }, { system: { command: "true" } }] },
      { schedule: { wait: [1, 2], run: [{ sleep: 1 }] } },
      { child: { node, child: { node: { ...node, id: "b" }, sleep: 1 } } },
    ],
  };
  assertEquals(decodeRun(run, runners), run);
});

Deno.test("decodeRun() refuses what is no tree of known runs", () => {
  const values: unknown[] = [
    null,
    [],
    5,
    { serial: 5 },
    { serial: [null] },
    { teleport: {} },
    { constructor: {} },
    { schedule: { wait: ["1s"], run: [] } },
    { schedule: { wait: [-1], run: [] } },
    { schedule: {} },
    { child: { sleep: 1 } },
    { child: { node: { id: "-bad", launcher: {} } } },
  ];
  for (const value of values) {
    assertThrows(() => decodeRun(value, runners), TineError, "the parent sent something else");
  }
});

Deno.test("decodeNode() refuses ids that could be options or paths", () => {
  for (const id of ["", "-x", "a/b", "..", "a b", "x".repeat(64), 5, undefined]) {
    assertThrows(() => decodeNode({ id, launcher: {} }), TineError);
  }
});
