import { type Chunk, readChunk } from "../../flow/records/read_chunk.ts";
import { TineError } from "../../base/errors.ts";
import type { RecordFile, RecordPlace } from "../read_records.ts";
import type { IndexedFlow } from "./flow_index.ts";

/**
 * The samples of a flow, in the order in which they were taken, as far as clocks and chunks allow: the two ends of a
 * flow may have sent theirs at very different times.
 *
 * @param serverShift the server's `tinit` less the client's, in nanoseconds
 * @throws {TineError} `bad-records`, naming flow and node; `bad-results`
 */
export async function* mergedChunks(
  file: RecordFile,
  { flow, places }: IndexedFlow,
  serverShift: number,
): AsyncGenerator<Chunk, void, void> {
  const cursors: Cursor[] = [];
  for (const [nodeId, ofNode] of places) {
    // Both ends may be on one node, which sends theirs when they are full: an end that is slow comes late.
    for (const atServer of [false, true]) {
      const cursor = new Cursor(file, flow, nodeId, ofNode, atServer, serverShift);
      if (await cursor.next()) cursors.push(cursor);
    }
  }
  while (cursors.length > 0) {
    let first = 0;
    for (let i = 1; i < cursors.length; i++) if (cursors[i].time < cursors[first].time) first = i;
    yield cursors[first].chunk!;
    if (!await cursors[first].next()) cursors.splice(first, 1);
  }
}

/** The chunks of an end on a node. */
class Cursor {
  chunk: Chunk | undefined;
  /** Of the first sample of the chunk. */
  time = 0;
  #next = 0;

  constructor(
    readonly file: RecordFile,
    readonly flow: string,
    readonly nodeId: string,
    readonly places: readonly RecordPlace[],
    readonly atServer: boolean,
    readonly serverShift: number,
  ) {}

  /** Reads the next chunk; false if there is none. */
  async next(): Promise<boolean> {
    this.chunk = undefined;
    while (this.#next < this.places.length) {
      const { payload } = await this.file.read(this.places[this.#next++]);
      const chunk = this.#decode(payload);
      // A chunk has the samples of one end. Only packets say which; what is damaged counts as the client's.
      const atServer = chunk.kind === "packetIO" && chunk.columns.server[0] === 1;
      if (atServer !== this.atServer) continue;
      this.chunk = chunk;
      const time = chunk.columns.t[0] + (atServer ? this.serverShift : 0);
      // What is damaged must not hold up the others.
      this.time = Number.isNaN(time) ? -Infinity : time;
      return true;
    }
    return false;
  }

  #decode(payload: Uint8Array): Chunk {
    try {
      return readChunk(payload);
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      throw new TineError(error.code, `flow ${this.flow}, node ${this.nodeId}: ${error.message}`, { cause: error });
    }
  }
}
