import type { Sample } from "../../../src/flow/records/format.ts";
import { samplesOf } from "../../../src/flow/records/read_chunk.ts";
import { RecordedEvents } from "../stream/recorded_events.ts";

/** What flows of packets have told. */
export class PacketEvents extends RecordedEvents {
  /** The samples of a flow at one of its ends, in the order in which they came. */
  packets(flow: string, { server = false, sent }: { server?: boolean; sent: boolean }): Sample<"packetIO">[] {
    return this.chunks.flatMap(({ flow: of, chunk }) => {
      if (of !== flow || chunk.kind !== "packetIO") return [];
      return Array.from(samplesOf<"packetIO">(chunk), (sample) => ({ ...sample }))
        .filter((sample) => sample.server === Number(server) && sample.sent === Number(sent));
    });
  }

  /** The last figures of a flow at one of its ends. */
  last(flow: string, server: boolean): Readonly<Record<string, number>> | undefined {
    return this.aggregates.findLast(({ flow: of, values }) => of === flow && (values.server === 1) === server)?.values;
  }
}
