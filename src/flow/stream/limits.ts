/** Limits and defaults of TCP flows. @module */

/** The JSON text of one frame, in bytes. */
export const MAX_STREAM_FRAME_BYTES = 4096;
/** How long connecting may take, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** How long the peer may take for each message before and after the transfer, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a transfer may stand still, in milliseconds. Bufferbloat of some seconds is no reason to give up. */
export const STALL_TIMEOUT_MS = 30_000;
/** The same for a sender that does not know what the peer has acknowledged, only what the system has taken. */
export const UNSEEN_STALL_TIMEOUT_MS = 120_000;
/** How long a server waits for a client to close, in milliseconds. */
export const LINGER_MS = 5_000;
/** The maximum number of clients of a server at the same time. */
export const MAX_CLIENTS = 1000;
/** The maximum number of connections of a server without a request; if there are more, the oldest is dropped. */
export const MAX_UNAUTHENTICATED = 1000;
/** After this silence a connection without a request is dropped where room is needed, in milliseconds. */
export const UNAUTHENTICATED_MS = 1000;
/** Errors of accept(2) where the process or the system has no room for one more connection. */
export const NO_ROOM: readonly string[] = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"];
/** How long a server then takes no connections, in milliseconds. */
export const NO_ROOM_PAUSE_MS = 100;
/** How often a server reports that, in milliseconds. */
export const NO_ROOM_REPORT_MS = 10_000;
/**
 * How much a client sends before the server has agreed, in bytes: more than most paths take in their first round trip, and
 * little for a server that holds it to a rate.
 */
export const UNANSWERED_BYTES = 128 * 1024;
/** The largest transfer, in bytes: sums are exact. */
export const MAX_LENGTH_BYTES = 2 ** 50;
/** The longest read or write, in bytes. */
export const MAX_BUF_LEN_BYTES = 16 * 1024 * 1024;
/** The time between two progress events, in milliseconds. */
export const PROGRESS_MS = 250;

/** Defaults of transfers. */
export const DEFAULT_DURATION_MS = 60_000;
export const DEFAULT_SAMPLE_IO_INTERVAL_MS = 100;
export const DEFAULT_BUF_LEN_BYTES = 128 * 1024;
