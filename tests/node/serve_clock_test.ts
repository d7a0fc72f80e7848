import { assert, assertEquals } from "@std/assert";
import { now } from "../../src/base/time.ts";
import { bootId } from "../../src/sys/clock.ts";
import { cancelMessage, clockMessage, setupMessage } from "../../src/node/protocol/control.ts";
import { type Frame, Kind } from "../../src/node/protocol/frame.ts";
import { Link } from "../../src/node/protocol/link.ts";
import { decodeItem } from "../../src/node/protocol/kinds.ts";
import type { ParentClock } from "../../src/node/clock_relation.ts";
import { serve } from "../../src/node/serve.ts";
import { pipe } from "../../src/wire/pipe.ts";

/** Serves with a parent whose clock is an hour behind; returns how the node relates to the root, and the questions. */
async function serveBelow(parentClock: ParentClock) {
  const [ours, theirs] = pipe();
  const serving = serve("left", theirs);
  const infos: Frame[] = [];
  const ready = Promise.withResolvers<void>();
  let asked = 0;
  const link: Link = new Link(ours, {
    peer: "node left",
    receive(frame) {
      if (frame.kind === Kind.clock) {
        asked++;
        link.send(clockMessage(frame.name, now() - 3_600_000_000_000n));
      }
      if (frame.kind === Kind.nodeInfo) infos.push(frame);
      if (frame.kind === Kind.ready) ready.resolve();
    },
  });
  link.send(setupMessage({ children: [], key: new Uint8Array(32), parentClock }));
  await ready.promise;
  link.send(cancelMessage(undefined));
  await link.close();
  await serving;
  const info = decodeItem(infos[0]);
  assert(info.type === "nodeInfo");
  return { ...info.clock, asked };
}

Deno.test("serve() relates its clock to that of the root, by questions to its parent on another machine", async () => {
  const { offsetNs, errorNs, asked } = await serveBelow({ bootId: "another", offsetNs: 5e9, errorNs: 1e6 });
  assertEquals(asked, 8);
  assert(errorNs > 1e6 && errorNs < 1e9, `${errorNs}`);
  assert(Math.abs(offsetNs - 5e9 - 3.6e12) <= errorNs, `${offsetNs} ${errorNs}`);
});

Deno.test("serve() has the clock of its parent on the same machine", async () => {
  const { asked, ...clock } = await serveBelow({ bootId: bootId(), offsetNs: 5e9, errorNs: 1e6 });
  assertEquals([asked, clock], [0, { offsetNs: 5e9, errorNs: 1e6 }]);
});
