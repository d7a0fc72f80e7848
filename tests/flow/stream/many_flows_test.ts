import { assert, assertEquals } from "@std/assert";
import { availability } from "../../../src/sys/libc.ts";
import { ffiFlows } from "../../../src/flow/create_flows.ts";
import { openSockets } from "./open_sockets.ts";
import { RecordedEvents } from "./recorded_events.ts";

const { signal } = new AbortController();
const FLOWS = 1200;
const AT_ONCE = 8;

Deno.test({
  name: `streamClient() runs ${FLOWS} short flows, each whole, and leaves nothing open`,
  ignore: !availability().available,
  async fn() {
    const before = openSockets();
    {
      await using flows = ffiFlows();
      const events = new RecordedEvents();
      await using server = await flows.streamServer({ listenAddr: ":0" }, { events: new RecordedEvents(), signal });
      let next = 0;
      await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        while (next < FLOWS) {
          const flow = `f${next++}`;
          const { bytes } = await flows.streamClient(
            server.address,
            { upload: { flow, length: 20_000 } },
            { events, signal },
          );
          assertEquals(bytes, 20_000);
        }
      }));
      assertEquals(events.infos.length, FLOWS);
      for (let i = 0; i < FLOWS; i++) assertEquals(events.io(`f${i}`).at(-1)?.total, 20_000);
    }
    // The first worker of a process brings two sockets of the runtime.
    assert(openSockets() <= before + 2);
  },
});
