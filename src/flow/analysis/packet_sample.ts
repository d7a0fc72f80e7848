/** What a sample of packets has to be, to count as one. @module */

import { REPLY } from "../packet/header.ts";
import type { Columns } from "../records/format.ts";

/** More packets than the kernel takes as one burst are damage. */
const MAX_IN_BURST = 1024;
/** What UDP carries at most. */
const MAX_BYTES = 65_535;

/** Whether a number can be a time: nanoseconds that doubles hold exactly. */
export function isTime(t: number): boolean {
  return Math.abs(t) <= Number.MAX_SAFE_INTEGER;
}

/** The packets of a sample: 1, or those of a burst. Chunks of an earlier version do not have the column. */
export function packetsOf(columns: Columns<"packetIO">, i: number): number {
  return columns.packets[i] >= 1 ? Math.floor(columns.packets[i]) : 1;
}

/**
 * Whether a sample makes sense by itself.
 *
 * @param shift what turns its times into those since the client's `tinit`
 */
export function isPlausible(columns: Columns<"packetIO">, i: number, shift: number): boolean {
  const bytes = columns.len[i];
  return isTime(columns.t[i] + shift) && !(columns.packets[i] >= MAX_IN_BURST + 1) && bytes >= 0 && bytes <= MAX_BYTES;
}

/**
 * Whether a packet that arrived has what a reply carries of the server: its times, and how many packets that had received by
 * then, which is 0 where the server does not count. Packets of earlier versions lack both.
 */
export function isAnswer({ flag, serverCount, serverReceived, serverTime }: Columns<"packetIO">, i: number): boolean {
  if (!(flag[i] & REPLY)) return false;
  const count = serverCount[i];
  return count === 0 ? serverReceived[i] !== 0 || serverTime[i] !== 0 : count > 0 && count <= Number.MAX_SAFE_INTEGER;
}
