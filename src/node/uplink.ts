import type { Frame, Lane, Message } from "./protocol/frame.ts";

/** Where a node's results go: over the connection to its parent; from the root node, to the caller of the run. */
export interface Uplink {
  /** Takes a message of this node. Never blocks, never drops. */
  send(message: Message): void;

  /** A promise where so much waits that a sender that can wait should; undefined otherwise. */
  room(lane: Lane): Promise<void> | undefined;

  /**
   * Hands on a frame of a node further down, as it is.
   *
   * @param bytes the whole frame
   * @param source the child that it came from
   * @returns once it was handed on
   */
  forward(frame: Frame, bytes: Uint8Array, source: string): Promise<void>;

  /** A child has ended, and all that came from it was handed on: what was kept for it goes, with what it left unfinished. */
  forget(source: string): void;
}
