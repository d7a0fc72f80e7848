import { runners as tineRunners } from "../../src/node/runners.ts";
import type { Runner } from "../../src/node/runner.ts";
import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";

/** What a flood consists of. */
export interface Flood {
  readonly what: "records" | "logs";
  readonly count: number;
}

/** Makes results as fast as they are taken. */
const flood: Runner<Flood, Flood> = {
  schema: ({ z }) => z.strictObject({ what: z.enum(["records", "logs"]), count: z.number() }),
  async run({ what, count }, context) {
    if (what === "logs") {
      for (let i = 0; i < count; i++) {
        const room = context.log(`packet ${i} of flow video was late by ${i % 100} ms`, "flood");
        if (room !== undefined) await room;
      }
      return;
    }
    const writer = new ChunkWriter("packetIO");
    const { sender, seq, packets, flag, len, t, scheduled, sent, server, tos, stampSource } = writer.columns;
    const send = () => context.send({ type: "records", flow: "video", chunk: writer.take() });
    for (let n = 0; n < count; n++) {
      const i = writer.next();
      const due = n * 10_000;
      // A packet every 10 us, with some jitter of the clock.
      const late = 200 + ((n * 2_654_435_761) >>> 22);
      sender[i] = 0;
      seq[i] = n;
      packets[i] = 1;
      flag[i] = 1;
      len[i] = 200;
      scheduled[i] = due;
      t[i] = due + late;
      sent[i] = n & 1;
      server[i] = 0;
      tos[i] = 0xb8;
      stampSource[i] = 1;
      if (!writer.full) continue;
      const room = send();
      if (room !== undefined) await room;
    }
    if (writer.length > 0) await send();
  },
};

/** The runners of tine, and the flood. */
export const runners: Readonly<Record<string, Runner>> = { ...tineRunners, flood };
