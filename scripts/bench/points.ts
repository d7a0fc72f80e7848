import { encodeRequest } from "../../src/udf/codec.ts";
import type { Option, Request } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { ByteWriter } from "../../src/wire/byte_writer.ts";

/** Frames of requests, end to end. */
export type Frames = Uint8Array<ArrayBuffer>;

const HOSTS = 100;

/**
 * Points as a monitoring agent sends them, grouped by host, with 3 tags and 4 fields.
 *
 * @param count how many
 * @param texts whether the strings of tags and fields repeat, or half of them are new in each point
 */
export function pointFrames(count: number, texts: "repeating" | "unique"): Frames {
  const writer = new ByteWriter(256 * count);
  for (let i = 0; i < count; i++) {
    const host = `server${String(i % HOSTS).padStart(3, "0")}`;
    const id = (i * 2654435761 % 2 ** 32).toString(16).padStart(8, "0") + i.toString(36);
    const point = new Point({
      time: 1_700_000_000_000_000_000n + BigInt(i) * 100_000_000n,
      name: "cpu",
      database: "telegraf",
      retentionPolicy: "autogen",
      group: `host=${host}`,
      dimensions: ["host"],
      tags: new Map([
        ["host", host],
        ["cpu", `cpu${i % 16}`],
        ["request", texts === "unique" ? id : `pool-${i % 7}`],
      ]),
      fieldsDouble: new Map([["usage", 40 + 25 * Math.sin(i / 50)], ["idle", 60 - 25 * Math.sin(i / 50)]]),
      fieldsInt: new Map([["processes", BigInt(180 + i % 40)]]),
      fieldsString: new Map([["state", texts === "unique" ? `done ${id}` : i % 9 === 0 ? "busy" : "running"]]),
    });
    writeFrame(writer, { kind: "point", point });
  }
  return writer.written().slice();
}

/** The options that make a moving average ready for {@linkcode pointFrames}. */
const MOVING_AVERAGE: readonly Option[] = [
  { name: "field", values: [{ type: "string", value: "usage" }] },
  { name: "size", values: [{ type: "int", value: 10n }] },
];

/** The request that makes a handler ready; a moving average, unless options are given. */
export function initFrame(options: readonly Option[] = MOVING_AVERAGE): Frames {
  const writer = new ByteWriter();
  writeFrame(writer, { kind: "init", init: { taskId: "bench", nodeId: "bench", options: [...options] } });
  return writer.written().slice();
}

function writeFrame(writer: ByteWriter, request: Request): void {
  const frame = writer.openLength(2);
  encodeRequest(writer, request);
  writer.closeLength(frame, 2);
}
