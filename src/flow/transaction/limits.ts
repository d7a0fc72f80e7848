/** Limits and defaults of flows of requests and responses. @module */

/** The maximum length of a request and of a response over TCP, in bytes. */
export const MAX_TCP_MESSAGE_BYTES = 1024 * 1024;
/** The default length of a request and of a response over TCP, in bytes. */
export const DEFAULT_MESSAGE_BYTES = 1;
/** The maximum number of outstanding transactions of one flow. */
export const MAX_IN_FLIGHT = 256;
/** The maximum number of transactions of a flow. */
export const MAX_TRANSACTIONS = 2 ** 40;
/** The default timeout of a response over UDP, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 1000;
/** The maximum timeout of a response over UDP, in milliseconds. */
export const MAX_TIMEOUT_MS = 10_000;
/** The maximum number of open connections of one flow at a server; one more is closed at once. */
export const MAX_OPEN_CONNECTIONS = 256;
/** The size of the buffers for reading and writing, in bytes. */
export const BUFFER_BYTES = 64 * 1024;
/** The default duration of a flow over UDP without a number of transactions, in milliseconds. */
export const DEFAULT_PACKET_DURATION_MS = 60_000;
