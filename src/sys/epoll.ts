import { TineError } from "../base/errors.ts";
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
} from "./constants.ts";
import { Errno, SystemError } from "./errno.ts";
import { epollEvent } from "./layouts.ts";
import { type Libc, libc } from "./libc.ts";

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

/** The maximum number of files that one call reports; the kernel reports those after them at the next call. */
const MAX_EVENTS = 1024;

/**
 * Watches files whose number makes no difference to the time that a call takes, epoll(7). It is a file itself, which is
 * readable as long as one of them is ready. That file is open while there are watches.
 */
export class EpollSet {
  readonly #libc: Libc = libc();
  readonly #files = new Map<number, EpollFile>();
  /** Watched files by the number that events carry, which none has after it. */
  readonly #byId = new Map<number, EpollFile>();
  readonly #events = new Uint8Array(MAX_EVENTS * epollEvent.sizeBytes);
  readonly #view = new DataView(this.#events.buffer);
  readonly #event = new Uint8Array(epollEvent.sizeBytes);
  readonly #eventView = new DataView(this.#event.buffer);
  #lastId = 0;
  #size = 0;
  #fd = -1;

  /** Its file number; -1 while it has no watches. */
  get fd(): number {
    return this.#fd;
  }

  /** The number of watches. */
  get size(): number {
    return this.#size;
  }

  /**
   * Watches a file.
   *
   * @throws {SystemError}
   */
  watch(fd: number, interest: number, onReady: ReadyHandler): Watch {
    if (this.#fd < 0) this.#fd = this.#create();
    const file = this.#files.get(fd) ?? this.#open(fd);
    const watch = new EpollWatch(onReady, interest, () => this.#update(file), () => this.#end(file, watch));
    file.watches.push(watch);
    this.#size++;
    this.#update(file, true);
    return watch;
  }

  /**
   * Calls the handlers of files that are ready, without waiting.
   *
   * @returns how many files were ready
   */
  dispatch(): number {
    const { calls, errno } = this.#libc;
    const count = calls.epoll_wait(this.#fd, this.#events, MAX_EVENTS, 0);
    if (count < 0) {
      this.#libc.interrupted(errno[0], "epoll_wait");
      return 0;
    }
    for (let i = 0; i < count; i++) {
      const at = i * epollEvent.sizeBytes;
      const file = this.#byId.get(this.#view.getUint32(at + epollEvent.at.data, true));
      if (file === undefined) continue; // A handler before has ended it.
      const bits = this.#view.getUint32(at + epollEvent.at.events, true);
      for (const watch of [...file.watches]) watch.report(bits);
    }
    return count;
  }

  #create(): number {
    const fd = this.#libc.calls.epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) throw new SystemError("epoll_create1", this.#libc.errno[0]);
    return fd;
  }

  #open(fd: number): EpollFile {
    const file: EpollFile = { id: ++this.#lastId, fd, watches: [], registered: 0 };
    this.#files.set(fd, file);
    this.#byId.set(file.id, file);
    return file;
  }

  /** @param isNew the file may be another one than before, of the same number */
  #update(file: EpollFile, isNew = false): void {
    const wanted = file.watches.reduce((bits, { interest }) => bits | interest, 0);
    if (wanted === file.registered && !isNew) return;
    // A file without interest must not be there: the kernel would report its failures.
    const before = file.registered;
    file.registered = wanted;
    if (wanted === 0) {
      if (before !== 0) this.#control(EPOLL_CTL_DEL, file); // One that was closed is not there any more.
      return;
    }
    let errno = before === 0 ? Errno.ENOENT : this.#control(EPOLL_CTL_MOD, file);
    if (errno === Errno.ENOENT) errno = this.#control(EPOLL_CTL_ADD, file);
    if (errno === 0) return;
    if (errno !== Errno.EBADF) throw new SystemError("epoll_ctl", errno, `on file ${file.fd}`);
    throw new TineError("closed-file", `file ${file.fd} was closed while it was watched`);
  }

  /** @returns the number of the error; 0: none */
  #control(operation: number, { fd, id, registered }: EpollFile): number {
    this.#eventView.setUint32(epollEvent.at.events, registered, true);
    this.#eventView.setUint32(epollEvent.at.data, id, true);
    return this.#libc.calls.epoll_ctl(this.#fd, operation, fd, this.#event) === 0 ? 0 : this.#libc.errno[0];
  }

  #end(file: EpollFile, watch: EpollWatch): void {
    file.watches.splice(file.watches.indexOf(watch), 1);
    try {
      this.#update(file);
    } finally {
      this.#size--;
      if (file.watches.length === 0) {
        this.#files.delete(file.fd);
        this.#byId.delete(file.id);
      }
      if (this.#size === 0) {
        this.#libc.calls.close(this.#fd);
        this.#fd = -1;
      }
    }
  }
}

/** A file with its watches. */
interface EpollFile {
  readonly id: number;
  readonly fd: number;
  readonly watches: EpollWatch[];
  /** What the kernel is to report. */
  registered: number;
}

class EpollWatch implements Watch {
  readonly #onReady: ReadyHandler;
  readonly #onInterest: () => void;
  readonly #onClose: () => void;
  #interest: number;
  #closed = false;

  constructor(onReady: ReadyHandler, interest: number, onInterest: () => void, onClose: () => void) {
    this.#onReady = onReady;
    this.#interest = interest;
    this.#onInterest = onInterest;
    this.#onClose = onClose;
  }

  get interest(): number {
    return this.#interest;
  }

  set interest(bits: number) {
    if (this.#closed || bits === this.#interest) return;
    this.#interest = bits;
    this.#onInterest();
  }

  /** Calls its handler, if it is interested: in failures it always is. */
  report(bits: number): void {
    const ready = this.#interest === 0 ? 0 : bits & (this.#interest | FAILED);
    if (ready !== 0) this.#onReady(ready);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#interest = 0;
    this.#onClose();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
