import { interfaceName } from "./address.ts";
import { SystemError } from "./errno.ts";
import { libc } from "./libc.ts";

/** Constants of linux/netlink.h, linux/rtnetlink.h and linux/gen_stats.h. */
const AF_NETLINK = 16, SOCK_RAW = 3, SOCK_CLOEXEC = 0o2000000, NETLINK_ROUTE = 0;
const RTM_NEWQDISC = 36, RTM_GETQDISC = 38, NLMSG_ERROR = 2, NLMSG_DONE = 3, NLM_F_REQUEST = 1, NLM_F_DUMP = 0x300;
const TCA_KIND = 1, TCA_STATS2 = 7, TCA_STATS_BASIC = 1, TCA_STATS_QUEUE = 3, TCA_STATS_APP = 4, TCA_STATS_PKT64 = 8;
/** The root of an interface, in place of a parent: TC_H_ROOT. */
const ROOT = 0xffff_ffff;
/** Lengths of struct nlmsghdr, struct tcmsg and the head of an attribute. */
const HEADER_BYTES = 16, MESSAGE_BYTES = 20, ATTRIBUTE_BYTES = 4;
const BUFFER_BYTES = 64 * 1024;

/** What a queueing discipline has counted since it was made. */
export interface QdiscCounters {
  /** The interface. */
  readonly device: string;
  /** `tbf`, `fq_codel`, ... */
  readonly kind: string;
  /** `8001:`; `0:` of one that the kernel made. */
  readonly handle: string;
  /** Whether it is the one at the root of its interface. */
  readonly root: boolean;
  readonly bytes: number;
  readonly packets: number;
  readonly drops: number;
  readonly overlimits: number;
  readonly requeues: number;
  /** What waits in it now. */
  readonly backlogBytes: number;
  readonly backlogPackets: number;
  /** Packets that it marked instead of dropping them; of red, codel and fq_codel. */
  readonly marks?: number;
}

/**
 * Reads the counters of all queueing disciplines of this thread's network namespace, as `tc -s qdisc` does.
 *
 * Source: rtnetlink(7), and linux/pkt_sched.h for the marks of each kind.
 *
 * @throws {SystemError}; {TineError} `ffi-unavailable`
 *
 * @example
 * ```ts
 * import { readQdiscCounters } from "./qdisc_counters.ts";
 * for (const { device, kind, backlogBytes } of readQdiscCounters()) console.log(device, kind, backlogBytes);
 * ```
 */
export function readQdiscCounters(): QdiscCounters[] {
  const { calls, errno } = libc();
  const fd = calls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new SystemError("socket", errno[0], "of netlink");
  try {
    const request = new Uint8Array(HEADER_BYTES + MESSAGE_BYTES);
    const head = new DataView(request.buffer);
    head.setUint32(0, request.length, true);
    head.setUint16(4, RTM_GETQDISC, true);
    head.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
    if (calls.send(fd, request, BigInt(request.length), 0) < 0) throw new SystemError("send", errno[0], "to netlink");
    const found: QdiscCounters[] = [];
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const count = calls.recv(fd, buffer, BigInt(buffer.length), 0);
      if (count < 0) throw new SystemError("recv", errno[0], "from netlink");
      if (decodeQdiscs(new DataView(buffer.buffer, 0, count), found)) return found;
    }
  } finally {
    calls.close(fd);
  }
}

/**
 * Decodes messages of a dump.
 *
 * @param view of what was received at once
 * @param into gets what they describe
 * @param nameOf the name of an interface, by its index
 * @returns whether the dump is over
 */
export function decodeQdiscs(
  view: DataView,
  into: QdiscCounters[],
  nameOf: (index: number) => string | undefined = interfaceName,
): boolean {
  for (let at = 0; at + HEADER_BYTES <= view.byteLength;) {
    const length = view.getUint32(at, true), type = view.getUint16(at + 4, true);
    if (length < HEADER_BYTES || at + length > view.byteLength) return true;
    if (type === NLMSG_DONE || type === NLMSG_ERROR) return true;
    if (type === RTM_NEWQDISC && length >= HEADER_BYTES + MESSAGE_BYTES) {
      const qdisc = decodeQdisc(
        new DataView(view.buffer, view.byteOffset + at + HEADER_BYTES, length - HEADER_BYTES),
        nameOf,
      );
      if (qdisc !== undefined) into.push(qdisc);
    }
    at += aligned(length);
  }
  return false;
}

function decodeQdisc(view: DataView, nameOf: (index: number) => string | undefined): QdiscCounters | undefined {
  const device = nameOf(view.getInt32(4, true));
  const attributes = attributesOf(view, MESSAGE_BYTES);
  const kindBytes = attributes.get(TCA_KIND), stats = attributes.get(TCA_STATS2);
  // An interface may have gone meanwhile.
  if (device === undefined || kindBytes === undefined || stats === undefined) return undefined;
  const bytes = new Uint8Array(kindBytes.buffer, kindBytes.byteOffset, kindBytes.byteLength);
  const kind = new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
  const counters = attributesOf(stats, 0);
  const basic = counters.get(TCA_STATS_BASIC), queue = counters.get(TCA_STATS_QUEUE);
  if (basic === undefined || basic.byteLength < 12 || queue === undefined || queue.byteLength < 20) return undefined;
  const packets = counters.get(TCA_STATS_PKT64);
  const marks = marksOf(kind, counters.get(TCA_STATS_APP));
  return {
    device,
    kind,
    handle: `${(view.getUint32(8, true) >>> 16).toString(16)}:`,
    root: view.getUint32(12, true) === ROOT,
    bytes: Number(basic.getBigUint64(0, true)),
    packets: packets === undefined ? basic.getUint32(8, true) : Number(packets.getBigUint64(0, true)),
    backlogPackets: queue.getUint32(0, true),
    backlogBytes: queue.getUint32(4, true),
    drops: queue.getUint32(8, true),
    requeues: queue.getUint32(12, true),
    overlimits: queue.getUint32(16, true),
    ...marks !== undefined && { marks },
  };
}

/** Where the counts of marks are in what each kind reports of itself. */
const MARKS: Readonly<Record<string, readonly number[]>> = {
  // struct tc_red_xstats: marked
  red: [12],
  // struct tc_codel_xstats: ecn_mark, ce_mark
  codel: [24, 32],
  // struct tc_fq_codel_xstats: its type, then ecn_mark and ce_mark
  fq_codel: [12, 28],
};

function marksOf(kind: string, own: DataView | undefined): number | undefined {
  const places = MARKS[kind]?.filter((at) => own !== undefined && at + 4 <= own.byteLength);
  return places?.length ? places.reduce((sum, at) => sum + own!.getUint32(at, true), 0) : undefined;
}

/** Attributes by their type: each is a length and a type of 16 bits, then its value, padded to 4 bytes. */
function attributesOf(view: DataView, from: number): Map<number, DataView> {
  const found = new Map<number, DataView>();
  for (let at = from; at + ATTRIBUTE_BYTES <= view.byteLength;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_BYTES || at + length > view.byteLength) break;
    // The two highest bits are flags.
    const type = view.getUint16(at + 2, true) & 0x3fff;
    found.set(type, new DataView(view.buffer, view.byteOffset + at + ATTRIBUTE_BYTES, length - ATTRIBUTE_BYTES));
    at += aligned(length);
  }
  return found;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
