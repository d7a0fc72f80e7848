import { assertEquals } from "@std/assert";
import { readPoints } from "../../../src/udf/format/point_reader.ts";

/** What is read of a text in pieces of a length: points as texts, bad lines as their reasons. */
async function read(text: string, length = 7): Promise<string[]> {
  const bytes = new TextEncoder().encode(text);
  const stream = ReadableStream.from(function* () {
    for (let i = 0; i < bytes.length; i += length) yield bytes.subarray(i, i + length);
  }());
  const items = (await Array.fromAsync(readPoints({ format: "srpl", database: "given" }, stream))).flat();
  return items.map((item) => {
    if (item.kind === "point") {
      const { database, retentionPolicy, name, time } = item.point;
      return `${item.line} ${database}.${retentionPolicy} ${name} ${time}`;
    }
    return item.kind === "bad" ? `${item.line} bad: ${item.reason}` : item.kind;
  });
}

const RECORDING = `telegraf
autogen
cpu,host=a usage=1.5 1
telegraf
autogen
cpu,host=b usage=2.5 2

weekly
mem,host=a free=3i,text="two
lines" 3
`;

Deno.test("recordings of streams have the database and the retention policy of each point", async () => {
  const points = ["3 telegraf.autogen cpu 1", "6 telegraf.autogen cpu 2", "9 .weekly mem 3"];
  for (const length of [1, 7, 10_000]) assertEquals(await read(RECORDING, length), points);
  assertEquals(await read(RECORDING.trimEnd()), points);
  assertEquals(await read(RECORDING.replaceAll("\n", "\r\n").replace("two\r", "two")), points);
});

Deno.test("a bad point in a recording of a stream is one bad line, and a recording that is cut says so", async () => {
  assertEquals(await read("a\nb\ncpu 1\na\nb\ncpu v=1 2\n"), [
    "3 bad: a field has no value",
    "6 a.b cpu 2",
  ]);
  assertEquals((await read("a\nb\ncpu v=1 2\na\nb"))[1], "4 bad: lines are missing at the end");
});
