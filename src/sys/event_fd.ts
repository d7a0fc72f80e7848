import { EFD_CLOEXEC, EFD_NONBLOCK } from "./constants.ts";
import { type Libc, libc } from "./libc.ts";
import { SystemError } from "./errno.ts";

/**
 * Wakes a thread that waits in a Poller, eventfd(2). The file number is valid in all threads of the process: the
 * owner watches it, others signal through {@linkcode EventFd.borrow}.
 *
 * @example
 * ```ts
 * import { EventFd } from "./event_fd.ts";
 * using wakeUp = EventFd.open();
 * EventFd.borrow(wakeUp.fd).signal(); // in another worker
 * console.assert(wakeUp.clear());
 * ```
 */
export class EventFd implements Disposable {
  readonly #libc: Libc = libc();
  readonly #count = new Uint8Array(8);
  readonly #one = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

  private constructor(readonly fd: number, readonly owned: boolean) {}

  /** Creates an event file. */
  static open(): EventFd {
    const { calls, errno } = libc();
    const fd = calls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) throw new SystemError("eventfd", errno[0]);
    return new EventFd(fd, true);
  }

  /** Uses the event file of another thread, which must keep it open. */
  static borrow(fd: number): EventFd {
    return new EventFd(fd, false);
  }

  /** Makes it readable. */
  signal(): void {
    while (this.#libc.calls.write(this.fd, this.#one, 8n) < 0) {
      // Would block: it was signaled 2^64 - 2 times, so it is readable.
      if (!this.#libc.interrupted(this.#libc.errno[0], "write", "to an eventfd")) return;
    }
  }

  /**
   * Makes it unreadable.
   *
   * @returns whether it was signaled
   */
  clear(): boolean {
    while (this.#libc.calls.read(this.fd, this.#count, 8n) < 0) {
      if (!this.#libc.interrupted(this.#libc.errno[0], "read", "from an eventfd")) return false;
    }
    return true;
  }

  /** Closes it, if this thread opened it. */
  [Symbol.dispose](): void {
    if (this.owned) this.#libc.calls.close(this.fd);
  }
}
