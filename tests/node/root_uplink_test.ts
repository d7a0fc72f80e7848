import { assertEquals } from "@std/assert";
import { type Frame, Kind, Lane } from "../../src/node/protocol/frame.ts";
import { LogBatch } from "../../src/node/protocol/log_batch.ts";
import { RootUplink } from "../../src/node/run.ts";

const NOTHING = new Uint8Array();

function part(text: string, more: boolean): Frame {
  const payload = new TextEncoder().encode(text);
  return { kind: Kind.sysInfo, lane: Lane.record, origin: "twin", name: "", number: more ? 1 : 2, more, payload };
}

/** The texts of all messages, once the uplink has ended. */
async function texts(uplink: RootUplink): Promise<string[]> {
  uplink.end();
  return (await Array.fromAsync(uplink.messages())).map(({ payload }) => new TextDecoder().decode(payload));
}

Deno.test("RootUplink joins no parts of messages that came from different children", async () => {
  const uplink = new RootUplink();
  const forwarding = [
    uplink.forward(part("left 1,", true), NOTHING, "left"),
    uplink.forward(part("right 1,", true), NOTHING, "right"),
    uplink.forward(part("left 2", false), NOTHING, "left"),
    uplink.forward(part("right 2", false), NOTHING, "right"),
  ];
  assertEquals(await texts(uplink), ["left 1,left 2", "right 1,right 2"]);
  await Promise.all(forwarding);
});

Deno.test("RootUplink.forget() drops what a child left unfinished", async () => {
  const uplink = new RootUplink();
  const cut = uplink.forward(part("cut", true), NOTHING, "left");
  uplink.forget("left");
  const whole = uplink.forward(part("whole", false), NOTHING, "left");
  assertEquals(await texts(uplink), ["whole"]);
  await Promise.all([cut, whole]);
});

Deno.test("RootUplink takes log entries apart that came together, and lets their sender wait for the last one", async () => {
  const uplink = new RootUplink();
  const batch = new LogBatch();
  for (const text of ["one", "two"]) batch.add({ ...part(text, false), kind: Kind.log });
  let handedOn = false;
  const logs = { ...batch.take()!, lane: Lane.record, number: 1, more: false };
  const forwarding = uplink.forward(logs, NOTHING, "left").then(() => handedOn = true);
  const empty = uplink.forward({ ...logs, payload: NOTHING }, NOTHING, "left");
  const messages = uplink.messages();
  for (const text of ["one", "two"]) {
    const { kind, origin, payload } = (await messages.next()).value!;
    assertEquals([kind, origin, new TextDecoder().decode(payload), handedOn], [Kind.log, "twin", text, false]);
  }
  await messages.return();
  await Promise.all([forwarding, empty]);
});

Deno.test("RootUplink lets senders of urgent frames wait until they were taken, like all others", async () => {
  const uplink = new RootUplink();
  const frame = { kind: Kind.progress, lane: Lane.urgent, origin: "a", name: "f", number: 0, more: false };
  let handedOn = 0;
  const forward = () =>
    uplink.forward({ ...frame, payload: new Uint8Array(1000) }, NOTHING, "a").then(() => handedOn++);
  const forwarding = [forward(), forward()];
  const messages = uplink.messages();
  await messages.next();
  assertEquals(handedOn, 0);
  await messages.next();
  assertEquals(handedOn, 1);
  await messages.return();
  await Promise.all(forwarding);
});
