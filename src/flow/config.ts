/**
 * What can be configured about flows. Plans, the command line and programs all come down to these. The types come from
 * the schemas, which describe each field; durations are milliseconds, sizes bytes.
 *
 * @module
 */
import type { output } from "zod";
import type { Immutable } from "../base/schema.ts";
import type {
  packetClientSchema,
  packetExchangeSchema,
  packetServerSchema,
  requestResponseSchema,
  streamClientSchema,
  streamServerSchema,
  transferSchema,
  unresponsiveSchema,
} from "./config_schema.ts";
import type { socketOptionSchema, streamSocketOptionSchema } from "./socket_option_schema.ts";

/** An option of a socket by its numbers, for those that have no name here. */
export type RawSocketOption = Immutable<output<typeof socketOptionSchema>>;

/** The ends of a flow. */
export type FlowSide = "client" | "server";

/** An option of a TCP flow's sockets. */
export type StreamSocketOption = Immutable<output<typeof streamSocketOptionSchema>>;

/** A server of TCP flows. */
export type StreamServerConfig = Immutable<output<typeof streamServerSchema>>;

/** Whether TCP over IPv4, IPv6, or what the address says. */
export type StreamProtocol = NonNullable<StreamServerConfig["protocol"]>;

/** A transfer in one direction, and the stream that it goes over. */
export type TransferConfig = Immutable<output<typeof transferSchema>>;

/** Requests and responses over TCP. */
export type RequestResponseConfig = Immutable<output<typeof requestResponseSchema>>;

/** A client of TCP flows: exactly one of upload, download and requestResponse. */
export type StreamClientConfig = Immutable<output<typeof streamClientSchema>>;

/** A server of UDP flows: echoes and counts. */
export type PacketServerConfig = Immutable<output<typeof packetServerSchema>>;

/** Whether UDP over IPv4, IPv6, or what the address says. */
export type PacketProtocol = NonNullable<PacketServerConfig["protocol"]>;

/** Sends on schedule whatever the network does. */
export type UnresponsiveConfig = Immutable<output<typeof unresponsiveSchema>>;

/** Requests and responses over UDP. */
export type PacketExchangeConfig = Immutable<output<typeof packetExchangeSchema>>;

/** A client of UDP flows. */
export type PacketClientConfig = Immutable<output<typeof packetClientSchema>>;

/** What the name of a congestion control looks like; the kernel keeps 15 characters. */
export const CCA_NAME = /^[a-z][a-z0-9_-]{0,14}$/;
