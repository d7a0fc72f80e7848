/**
 * Several workers serve one UDP address, each with a socket of its own. A program of the kernel chooses the socket of a
 * packet by its flow's id: ids fall into buckets, and each bucket belongs to a worker. While a bucket has flows, it stays
 * where it is. A client that asks for a flow may have its bucket moved to the worker with the fewest flows before.
 *
 * @module
 */
import { MAX_SERVER_WORKERS } from "../../base/limits.ts";
import type { ServerShare } from "../engine/engine_flow.ts";
import { SystemError } from "../../sys/errno.ts";
import { type Instruction, steerReusedPort } from "../../sys/reuse_port.ts";
import { Socket } from "../../sys/socket.ts";
import { type FlowName, flowPlace } from "./header.ts";

const BUCKET_BITS = 8;
const BUCKETS = 2 ** BUCKET_BITS;

/** Bits that the number of a bucket's worker takes in the program. */
const OWNER_BITS = Math.ceil(Math.log2(MAX_SERVER_WORKERS));
const OWNERS_PER_WORD = 32 / OWNER_BITS;

/** How long a client that has asked for a flow is expected to open it, in milliseconds. */
const EXPECTED_MS = 2000;

/** Where things are in the shared memory, in words of 32 bits: the lock, flows by worker, and three words a bucket. */
const LOCK = 0;
const OPEN = 1;
const OWNER = OPEN + MAX_SERVER_WORKERS;
const KEPT = OWNER + BUCKETS;
const EXPECTED = KEPT + BUCKETS;
const WORDS = EXPECTED + BUCKETS;

const FREE = 0, TAKEN = 1;

/**
 * Sets up the steering of sockets that share a port.
 *
 * @param sockets in the order of the workers
 * @returns the memory of {@linkcode ServerShare}; undefined where the kernel takes no programs: it chooses by addresses and
 * ports then
 */
export function steer(sockets: readonly Socket[]): SharedArrayBuffer | undefined {
  const words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  for (let bucket = 0; bucket < BUCKETS; bucket++) words[OWNER + bucket] = bucket % sockets.length;
  try {
    steerReusedPort(sockets[0], steeringProgram(words.subarray(OWNER, OWNER + BUCKETS)));
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
  return words.buffer;
}

/** A worker's part of the steering. */
export class Steering {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #workers: number;
  readonly #worker: number;
  readonly #attach: (program: readonly Instruction[]) => void;
  readonly #nowMs: () => number;

  /**
   * @param share with the memory that {@linkcode steer} returned
   * @param attach sets the program of all sockets
   * @param nowMs a clock that all workers share
   */
  constructor(
    { worker, workers, fd, memory }: ServerShare & { readonly memory: SharedArrayBuffer },
    attach: (program: readonly Instruction[]) => void = (program) =>
      steerReusedPort(Socket.borrow(fd, "udp", "ipv4"), program),
    nowMs: () => number = () => performance.timeOrigin + performance.now(),
  ) {
    this.#workers = workers;
    this.#words = new Int32Array(memory);
    this.#worker = worker;
    this.#attach = attach;
    this.#nowMs = nowMs;
  }

  /** A client asks for a flow: its packets go to the worker with the fewest flows, unless its bucket has flows already. */
  expect(flow: FlowName): void {
    const words = this.#words, bucket = bucketOf(flow);
    this.#locked(() => {
      if (words[KEPT + bucket] > 0) return;
      const now = this.#now();
      words[EXPECTED + bucket] = FREE;
      const loads = this.#loads(now);
      const least = loads.indexOf(Math.min(...loads));
      if (loads[least] < loads[words[OWNER + bucket]]) this.#move(bucket, least);
      words[EXPECTED + bucket] = now;
    });
  }

  /**
   * Has the packets of a flow come here until {@linkcode Steering.leave} is called as often.
   *
   * @returns false: they go to another worker, which has flows of the same bucket
   */
  keep(flow: FlowName): boolean {
    const words = this.#words, bucket = bucketOf(flow);
    return this.#locked(() => {
      if (words[OWNER + bucket] !== this.#worker) {
        if (words[KEPT + bucket] > 0) return false;
        this.#move(bucket, this.#worker);
      }
      words[KEPT + bucket]++;
      words[EXPECTED + bucket] = FREE;
      return true;
    });
  }

  /** The packets of a flow may go to another worker. */
  leave(flow: FlowName): void {
    Atomics.sub(this.#words, KEPT + bucketOf(flow), 1);
  }

  /** Counts open flows of this worker. */
  count(by: number): void {
    Atomics.add(this.#words, OPEN + this.#worker, by);
  }

  /** Open flows of each worker, and those that are expected. */
  #loads(now: number): number[] {
    const words = this.#words;
    const loads = Array.from({ length: this.#workers }, (_, worker) => words[OPEN + worker]);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const expected = words[EXPECTED + bucket];
      if (expected !== FREE && (now - expected | 0) < EXPECTED_MS) loads[words[OWNER + bucket]]++;
    }
    return loads;
  }

  #move(bucket: number, worker: number): void {
    this.#words[OWNER + bucket] = worker;
    this.#attach(steeringProgram(this.#words.subarray(OWNER, OWNER + BUCKETS)));
  }

  /** Milliseconds, wrapped to 32 bits; never FREE. */
  #now(): number {
    return Math.floor(this.#nowMs()) | 1;
  }

  /** Held for some microseconds. */
  #locked<T>(action: () => T): T {
    const words = this.#words;
    while (Atomics.compareExchange(words, LOCK, FREE, TAKEN) !== FREE) Atomics.wait(words, LOCK, TAKEN, 1);
    try {
      return action();
    } finally {
      Atomics.store(words, LOCK, FREE);
      Atomics.notify(words, LOCK);
    }
  }
}

const HASH_FACTOR = 31;
/** 2^32 by the golden ratio: the upper bits of a product depend on all bits of the factor. */
const SPREAD_FACTOR = 0x9e3779b1;

function bucketOf(flow: FlowName): number {
  const id = new DataView(new ArrayBuffer(16));
  flow.write(id, 0);
  let hash = 0;
  for (let word = 0; word < 4; word++) hash = Math.imul(hash, HASH_FACTOR) + id.getInt32(4 * word) | 0;
  return Math.imul(hash, SPREAD_FACTOR) >>> 32 - BUCKET_BITS;
}

/** Codes of instructions, linux/bpf_common.h: A is the accumulator, X the index. */
const LOAD_WORD_AT = 0x20, LOAD = 0x00, LOAD_KEPT = 0x60, KEEP = 0x02, TO_X = 0x07;
const ADD_X = 0x0c, MULTIPLY = 0x24, SHIFT_RIGHT = 0x74, SHIFT_RIGHT_BY_X = 0x7c, AND = 0x54;
const JUMP_IF_AT_LEAST = 0x35, RETURN_A = 0x16, RETURN = 0x06;

/**
 * The program that returns the worker of a packet. A packet that has no id ends it early, which chooses worker 0.
 *
 * @param owners the worker of each bucket
 */
function steeringProgram(owners: Int32Array): Instruction[] {
  const program: Instruction[] = [[LOAD, 0, 0, 0]];
  for (let word = 0; word < 4; word++) {
    program.push([MULTIPLY, 0, 0, HASH_FACTOR], [TO_X, 0, 0, 0], [LOAD_WORD_AT, 0, 0, flowPlace(4 * word)]);
    program.push([ADD_X, 0, 0, 0]);
  }
  program.push([MULTIPLY, 0, 0, SPREAD_FACTOR], [SHIFT_RIGHT, 0, 0, 32 - BUCKET_BITS], [KEEP, 0, 0, 0]);
  // X is how far the word of the bucket is shifted, in bits, to reach its owner.
  program.push([MULTIPLY, 0, 0, OWNER_BITS], [AND, 0, 0, 31], [TO_X, 0, 0, 0]);
  for (let first = 0; first < BUCKETS; first += OWNERS_PER_WORD) {
    let word = 0;
    for (let i = 0; i < OWNERS_PER_WORD; i++) word |= owners[first + i] << OWNER_BITS * i;
    program.push(
      [LOAD_KEPT, 0, 0, 0],
      [JUMP_IF_AT_LEAST, 4, 0, first + OWNERS_PER_WORD],
      [LOAD, 0, 0, word >>> 0],
      [SHIFT_RIGHT_BY_X, 0, 0, 0],
      [AND, 0, 0, 2 ** OWNER_BITS - 1],
      [RETURN_A, 0, 0, 0],
    );
  }
  program.push([RETURN, 0, 0, 0]);
  return program;
}
