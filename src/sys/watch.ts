import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "./constants.ts";

/** There is something to read, a connection to accept, or the peer has ended. */
export const READABLE = POLLIN;
/** There is room to write to, or a connection was made. */
export const WRITABLE = POLLOUT;
/** There is an error, or the connection is gone. Reported with any interest. */
export const FAILED = POLLERR | POLLHUP;

/** A file that a poller watches. */
export interface Watch extends Disposable {
  /**
   * READABLE, WRITABLE, both or 0. With 0 there are no reports, not even of a failure, and arriving data wake no thread,
   * which costs their sender less. Setting it costs no system call where there are few files.
   */
  interest: number;
  /** Ends it, also from within a handler. The file itself stays open, so end it before the file is closed. */
  close(): void;
}

/** @param ready what the file is: bits of READABLE, WRITABLE and FAILED */
export type ReadyHandler = (ready: number) => void;
