import { assertEquals } from "@std/assert";
import { Kind, Lane } from "../../src/node/protocol/frame.ts";
import { RootUplink } from "../../src/node/root_uplink.ts";

Deno.test("RootUplink lets senders of urgent frames wait until they were taken, like all others", async () => {
  const uplink = new RootUplink();
  const frame = { kind: Kind.progress, lane: Lane.urgent, origin: "a", name: "f", number: 0, more: false };
  let handedOn = 0;
  const forward = () => uplink.forward({ ...frame, payload: new Uint8Array(1000) }).then(() => handedOn++);
  const forwarding = [forward(), forward()];
  const messages = uplink.messages();
  await messages.next();
  assertEquals(handedOn, 0);
  await messages.next();
  assertEquals(handedOn, 1);
  await messages.return();
  await Promise.all(forwarding);
});
