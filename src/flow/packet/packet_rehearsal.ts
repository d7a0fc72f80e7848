import type { PacketClientConfig, PacketServerConfig } from "../config.ts";
import type { Rehearsal } from "../engine/rehearsal.ts";
import { DEFAULT_MAX_PACKET_BYTES } from "./header.ts";

const SCENE_MS = 30;
/** Distances between packets that leave no time to sleep, but some to receive. */
const BUSY_MS = 0.02;

/**
 * Packets there and back, on schedule and as fast as possible, signed and not, over the loopback: the first packets of a
 * measurement would be late by milliseconds, and the first thousands lost, while the code is interpreted.
 */
export const packetRehearsal: Rehearsal = {
  nanos: SCENE_MS * 1e6,
  scenes: [undefined, new Uint8Array(32)].map((key) => ({
    server: {
      kind: "packetServer",
      addresses: ["127.0.0.1:0"],
      config: { listenAddr: "127.0.0.1:0" } satisfies PacketServerConfig,
      key,
    },
    client: (address) => ({ kind: "packetClient", addresses: [address], config: clientConfig(address), key }),
  })),
};

function clientConfig(addr: string): PacketClientConfig {
  const onSchedule = { wait: [BUSY_MS], duration: SCENE_MS };
  return {
    addr,
    flow: "rehearsal",
    sender: [
      { unresponsive: { ...onSchedule, echo: true } },
      { unresponsive: { ...onSchedule, reverse: true, length: [DEFAULT_MAX_PACKET_BYTES] } },
      { unresponsive: { rate: "max", duration: SCENE_MS / 2 } },
    ],
  };
}
