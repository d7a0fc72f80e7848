import { assert, assertEquals } from "@std/assert";
import { Bridge } from "../../src/bridge/bridge.ts";
import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";
import { encodeItem } from "../../src/node/protocol/kinds.ts";
import { noLeftovers } from "../support/leaks.ts";
import { Random } from "../support/random.ts";

/** More than waits for the process of the UDFs, in bytes. */
const TOO_MUCH = 48 * 2 ** 20;

Deno.test("samples that come faster than they can be taken are dropped and counted, and hold up nothing", async () => {
  await using _ = noLeftovers();
  const folder = await Deno.makeTempDir({ prefix: "tine-drops-" });
  const random = new Random(1);
  const writer = new ChunkWriter("packetIO");
  while (!writer.full) {
    const i = writer.next();
    for (const column of Object.values<Float64Array>(writer.columns)) column[i] = random.below(2 ** 32) + 0.5;
  }
  const samples = writer.length;
  const chunk = writer.take().slice();
  const bridge = Bridge.start({
    udfs: [
      { name: "all", table: "round_trips", handler: "mirror" },
      { name: "others", table: "round_trips", flows: "other.*", handler: "mirror" },
      { name: "tcp", table: "tcp_info", handler: "mirror" },
    ],
    place: { folder, owner: undefined, bytesLeft: 2 ** 30 },
    id: { a: "b" },
    idKeys: ["a"],
    runners: ["packetClient"],
    log: (_, text) => console.error(text),
    stop() {},
    failed: (_, error) => console.error(error.message),
  });
  const messages = Math.ceil(TOO_MUCH / chunk.length);
  for (let i = 0; i < messages; i++) {
    bridge.message(encodeItem({ type: "records", nodeId: "left", flow: "voip", chunk }));
  }
  assert(bridge.pendingBytes <= 32 * 2 ** 20);
  const [all, others, tcp] = await bridge.end(60_000);
  assert(all.droppedSamples > 0 && all.droppedSamples % samples === 0, `${all.droppedSamples} of ${samples} a chunk`);
  assert(all.droppedSamples < messages * samples);
  // They do not want these samples.
  assertEquals([others.droppedSamples, tcp.droppedSamples], [0, 0]);
  assertEquals([all.error, others.error, tcp.error], [undefined, undefined, undefined]);
  await Deno.remove(folder, { recursive: true });
});
