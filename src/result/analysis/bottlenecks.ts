import type { PacketFigures } from "./packet_sender.ts";
import type { StreamFigures } from "./stream_analysis.ts";

/** Sends are late if 1% of them are later than this, in nanoseconds. */
const LATE_NANOS = 1e6;
/** A thread that computes for this share of the time has a core to itself and could use more. */
const BUSY_SHARE = 0.9;
/** A stream that has nothing to send, or nowhere to put it, for this share of the time is held up by an end. */
const LIMITED_SHARE = 0.2;

/** Why a figure may be that of tine and its machines rather than of the network. */
export interface Bottleneck {
  /** For programs. */
  readonly code:
    | "sends-late"
    | "send-errors"
    | "socket-drops"
    | "server-socket-drops"
    | "busy-core"
    | "receive-window"
    | "sender-idle";
  /** For people: one sentence, without a full stop. */
  readonly message: string;
}

/** What was seen of the machine while it measured. */
export interface MachineLoad {
  /** Of the busiest thread of this program: the share of the time that it computed, 0 to 1. */
  readonly busiestThread?: number;
}

/** Where tine was the bottleneck of packets. */
export function packetBottlenecks(figures: PacketFigures, load: MachineLoad): Bottleneck[] {
  const found: Bottleneck[] = [];
  const { lateness, there, back, sendErrors } = figures;
  if (lateness !== undefined && lateness.p99 > LATE_NANOS) {
    const late = (lateness.p99 / 1e6).toFixed(1);
    found.push({ code: "sends-late", message: `1% of the packets were sent ${late} ms late or later` });
  }
  if (sendErrors > 0) {
    found.push({ code: "send-errors", message: `the system did not take ${packets(sendErrors)}` });
  }
  if (back !== undefined && back.socketDrops > 0) {
    found.push({
      code: "socket-drops",
      message: `the client's own socket dropped ${packets(back.socketDrops)} that had arrived`,
    });
  }
  if (there !== undefined && there.socketDrops > 0) {
    found.push({
      code: "server-socket-drops",
      message: `the server's socket dropped ${packets(there.socketDrops)} that had arrived`,
    });
  }
  return [...found, ...machineBottlenecks(load)];
}

/** Where tine was the bottleneck of a stream. */
export function streamBottlenecks(figures: StreamFigures, load: MachineLoad): Bottleneck[] {
  const found: Bottleneck[] = [];
  const { limits } = figures;
  if (limits !== undefined && limits.receiveWindow > LIMITED_SHARE) {
    const percent = Math.round(limits.receiveWindow * 100);
    found.push({
      code: "receive-window",
      message: `the receiver's window was full for ${percent}% of the time: its program or its buffer was the limit`,
    });
  }
  if (limits !== undefined && limits.busy < 1 - LIMITED_SHARE) {
    const percent = Math.round((1 - limits.busy) * 100);
    found.push({ code: "sender-idle", message: `the sender had nothing to send for ${percent}% of the time` });
  }
  return [...found, ...machineBottlenecks(load)];
}

function machineBottlenecks({ busiestThread }: MachineLoad): Bottleneck[] {
  if (busiestThread === undefined || busiestThread < BUSY_SHARE) return [];
  const percent = Math.round(busiestThread * 100);
  return [{
    code: "busy-core",
    message: `a core of this machine was busy with sending or receiving ${percent}% of the time`,
  }];
}

function packets(n: number): string {
  return n === 1 ? "1 packet" : `${n} packets`;
}
