/**
 * The form of ids, and the limits that several layers check.
 *
 * @module
 */

/** The id of a node: 1 to 63 letters, digits, `_`, `.` and `-`; also a host of ssh, and the name of files. */
export const NODE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** The id of the root node. */
export const ROOT_ID = "-";

/** The name of a network namespace, a file in /run/netns: as {@linkcode NODE_ID}, also with `_` in front. */
export const NAMESPACE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;

/** The id of a flow: 1 to 16 small letters, digits, `.` and `-`, which is what the header of packets has room for. */
export const FLOW_ID = /^[a-z][a-z0-9.-]{0,15}$/;

/** The largest differentiated services code point: six bits of the traffic class. Source: RFC 2474, section 3. */
export const MAX_DSCP = 63;

/** The longest flow, 100 days in milliseconds: its times are exact in nanoseconds. One without an end stops then. */
export const MAX_FLOW_MS = 100 * 86_400_000;

/** The most threads that serve one address. */
export const MAX_SERVER_WORKERS = 16;

/** The most flows that a server may be set to serve at the same time. */
export const MAX_SERVER_FLOWS = 1000;

/** The longest packet that UDP over IPv4 carries, in bytes: 65,535 without headers of IPv4 and UDP. */
export const MAX_PACKET_BYTES = 65_507;

/** The longest packet that is accepted by default, in bytes. */
export const DEFAULT_MAX_PACKET_BYTES = 1480;

/** Key in the id of a repeated test; its value is the number of the round, from 1. */
export const REPEAT_KEY = "repeat";
