import { headerBytes } from "./packet/header.ts";
import { layoutOf } from "./stamp/test_packet.ts";

/** What decides on the packets of a flow: whether they are those of STAMP, and whether they are signed. */
export interface PacketKind {
  readonly stamp?: unknown;
  readonly hmac?: boolean;
}

/** Whether packets are signed with the key of the run: without word of it, those of STAMP are not, which routers send. */
export function isSigned({ stamp, hmac = stamp === undefined }: PacketKind): boolean {
  return hmac;
}

/** Returns the length of the shortest packet of a flow, its header alone, in bytes. */
export function leastPacketBytes(kind: PacketKind): number {
  const signed = isSigned(kind);
  return kind.stamp === undefined ? headerBytes(signed) : layoutOf(signed).bytes;
}
