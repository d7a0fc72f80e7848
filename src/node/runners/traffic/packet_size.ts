import type { ZodType } from "zod";
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES } from "../../../flow/packet/header.ts";
import type { Vocabulary } from "../../runner.ts";

/** The length of a packet's payload of UDP: at least the header, at most what UDP carries. */
export function packetSize({ size }: Vocabulary): ZodType<number, string> {
  return size.refine(
    (bytes) => bytes >= PACKET_HEADER_BYTES && bytes <= MAX_PACKET_BYTES,
    `expected a length of ${PACKET_HEADER_BYTES}B to ${MAX_PACKET_BYTES}B`,
  );
}
