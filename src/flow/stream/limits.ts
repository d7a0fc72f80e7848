/** What ends the patience of streams. @module */

/** The JSON text of one frame, in bytes. */
export const MAX_FRAME_BYTES = 4096;
/** How long a connection may take to be made, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** How long the peer may take for each of its words before and after the transfer, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a transfer may stand still, in milliseconds. Bufferbloat of some seconds is no reason to give up. */
export const STALL_TIMEOUT_MS = 30_000;
/** The same for a sender that does not know what the peer has acknowledged, only what the system has taken. */
export const UNSEEN_STALL_TIMEOUT_MS = 120_000;
/** How long a server waits for a client to close, in milliseconds. */
export const LINGER_MS = 5_000;
/** How many clients a server has at the same time. */
export const MAX_CLIENTS = 1000;
/** How many of a server's connections may not have said yet what they want; more, and the oldest is dropped. */
export const MAX_UNAUTHENTICATED = 1000;
/** Where there is no room for more connections, who has said nothing for so long makes some, in milliseconds. */
export const UNAUTHENTICATED_MS = 1000;
/** What an accept says where the process or the system has no room for one more. */
export const NO_ROOM: readonly string[] = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"];
/** How long no connections are taken then, in milliseconds. */
export const NO_ROOM_PAUSE_MS = 100;
/** How often that is told, in milliseconds. */
export const NO_ROOM_REPORT_MS = 10_000;
/** The longest transfer, in milliseconds. */
export const MAX_DURATION_MS = 24 * 3600 * 1000;
/** The largest transfer, in bytes: sums are exact. */
export const MAX_LENGTH_BYTES = 2 ** 50;
/** The longest read or write, in bytes. */
export const MAX_BUF_LEN_BYTES = 16 * 1024 * 1024;
/** The time between two progress events, in milliseconds. */
export const PROGRESS_MS = 250;

/** What a transfer is if its configuration does not say. */
export const DEFAULT_DURATION_MS = 60_000;
export const DEFAULT_SAMPLE_IO_INTERVAL_MS = 100;
export const DEFAULT_BUF_LEN_BYTES = 128 * 1024;
