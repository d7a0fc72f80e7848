import { assert, assertEquals } from "@std/assert";
import { now } from "../../src/base/time.ts";
import { bootId } from "../../src/sys/clock.ts";
import { controlMessage } from "../../src/node/protocol/kinds.ts";
import type { Item } from "../../src/node/item.ts";
import { Kind } from "../../src/node/protocol/frame.ts";
import { Link } from "../../src/node/link/link.ts";
import { decodeItem } from "../../src/node/protocol/kinds.ts";
import type { ClockRelation, ParentClock } from "../../src/node/clock_relation.ts";
import { serve } from "../../src/node/serve.ts";
import type { Connect } from "../../src/node/launch/launcher.ts";
import { pipe } from "../../src/wire/pipe.ts";

/**
 * Serves with a parent whose clock is an hour behind.
 *
 * @param later the parent's clock, as it knows it when the node ends
 * @returns how the node relates to the root at its start and at its end, and the number of questions of both
 */
async function serveBelow(parentClock: ParentClock, later: ClockRelation = parentClock) {
  const [ours, theirs] = pipe();
  const below: Promise<void>[] = [];
  const connect: Connect = ({ id }) => {
    const [ours, theirs] = pipe();
    below.push(serve(id, theirs));
    return ours;
  };
  const serving = serve("left", theirs, { connect });
  const items: Item[] = [];
  const ready = Promise.withResolvers<void>();
  const canceled = Promise.withResolvers<void>();
  let asked = 0;
  let ending = false;
  const link: Link = new Link(ours, {
    peer: "node left",
    receive(frame) {
      if (frame.kind === Kind.clock) {
        asked++;
        const clock = ending ? later : parentClock;
        link.send(controlMessage("clock", { time: now() - 3_600_000_000_000n, clock }, frame.name));
      }
      if (frame.kind === Kind.nodeInfo || frame.kind === Kind.nodeEnd) items.push(decodeItem(frame));
      if (frame.kind === Kind.ready) ready.resolve();
      if (frame.kind === Kind.canceled) canceled.resolve();
    },
  });
  link.send(
    controlMessage("setup", {
      children: [{ node: { id: "below", launcher: { local: {} } }, children: [] }],
      key: new Uint8Array(32),
      parentClock,
    }),
  );
  await ready.promise;
  const askedFirst = asked;
  ending = true;
  link.send(controlMessage("cancel", undefined));
  await canceled.promise;
  await link.close();
  await serving;
  await Promise.all(below);
  const [info, end] = items.filter(({ nodeId }) => nodeId === "left");
  const belows = items.flatMap((item) => item.nodeId === "below" && "clock" in item ? [item.clock] : []);
  assert(info.type === "nodeInfo" && end.type === "nodeEnd");
  assert(info.time! <= end.time && end.time <= now());
  // It has the clock of its parent, which knows better by the time that it ends.
  assertEquals(belows, [info.clock, end.clock]);
  return { start: info.clock, end: end.clock, asked: [askedFirst, asked - askedFirst] };
}

Deno.test("serve() relates its clock to that of the root at its start and its end, by questions to its parent on another machine", async () => {
  const later = { offsetNs: 7e9, errorNs: 2e6 };
  const { start, end, asked } = await serveBelow({ bootId: "another", offsetNs: 5e9, errorNs: 1e6 }, later);
  assertEquals(asked, [8, 8]);
  for (const [{ offsetNs, errorNs }, parent] of [[start, { offsetNs: 5e9, errorNs: 1e6 }], [end, later]] as const) {
    assert(errorNs > parent.errorNs && errorNs < 1e9, `${errorNs}`);
    assert(Math.abs(offsetNs - parent.offsetNs - 3.6e12) <= errorNs, `${offsetNs} ${errorNs}`);
  }
});

Deno.test("serve() has the clock of its parent on the same machine, at its end as the parent knows it by then", async () => {
  const later = { offsetNs: 7e9, errorNs: 2e6 };
  assertEquals(await serveBelow({ bootId: bootId(), offsetNs: 5e9, errorNs: 1e6 }, later), {
    ...{ start: { offsetNs: 5e9, errorNs: 1e6 }, end: later },
    asked: [0, 1],
  });
  const root = { offsetNs: 0, errorNs: 0 };
  assertEquals(await serveBelow({ bootId: bootId(), ...root }), { start: root, end: root, asked: [0, 0] });
});
