/** Limits and defaults of flows of requests and responses. @module */

/** The longest request and the longest response over TCP, in bytes. */
export const MAX_TCP_MESSAGE_BYTES = 1024 * 1024;
/** The length of a request and of a response over TCP, unless others are given, in bytes. */
export const DEFAULT_MESSAGE_BYTES = 1;
/** How many transactions of one flow may be under way at the same time. */
export const MAX_IN_FLIGHT = 256;
/** How many transactions a flow has at most. */
export const MAX_TRANSACTIONS = 2 ** 40;
/** How long a response over UDP is waited for, unless another time is given, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 1000;
/** The longest time for which a response over UDP may be waited for, in milliseconds. */
export const MAX_TIMEOUT_MS = 10_000;
/** How many connections of one flow a server has open at the same time; one more is closed at once. */
export const MAX_OPEN_CONNECTIONS = 256;
/** How much is read or written at a time, in bytes. */
export const BUFFER_BYTES = 64 * 1024;
/** How long a flow over UDP goes on if it has no number of transactions either, in milliseconds. */
export const DEFAULT_PACKET_DURATION_MS = 60_000;
