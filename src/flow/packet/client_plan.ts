import { TineError } from "../../base/errors.ts";
import type { PacketClientConfig, UnresponsiveConfig } from "../config.ts";
import { DEFAULT_MAX_PACKET_BYTES, headerBytes, MAX_PACKET_BYTES } from "./header.ts";
import { formatSettings, MAX_SENDERS, PACKET_VERSION } from "./open_settings.ts";
import { PacketSender } from "./packet_sender.ts";

/** What a client is going to do. */
export interface ClientPlan {
  /** All senders by their index; of those at the server, this end only knows their schedule. */
  readonly senders: readonly PacketSender[];
  /** The longest packet, in bytes. */
  readonly longest: number;
  /** The longest message that this end sends, in bytes: a packet, or a burst. */
  readonly longestMessage: number;
  /** This end sends without a pace, or bursts: many packets at a time. */
  readonly fast: boolean;
  /** Bursts are received. */
  readonly receivesBursts: boolean;
  /** For the server, as text. */
  readonly settings: string;
}

/**
 * Checks a configuration, and makes its senders.
 *
 * @param signed whether packets are
 * @throws {TineError} `bad-packet-flow`, `settings-too-long`
 */
export function clientPlan(config: PacketClientConfig, signed: boolean): ClientPlan {
  const { flow, sender, maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = config;
  const configs = sender.map(({ unresponsive }, i) => {
    if (unresponsive === undefined) throw bad(flow, `sender ${i} is of no kind`);
    return unresponsive;
  });
  if (configs.length === 0 || configs.length > MAX_SENDERS) {
    throw bad(flow, `it has ${configs.length} senders, 1 to ${MAX_SENDERS} are possible`);
  }
  const senders = configs.map((each, i) => new PacketSender(i, each, signed));
  const longest = Math.max(...senders.map(({ schedule }) => schedule.longest));
  const header = headerBytes(signed);
  const shortest = Math.min(...senders.map(({ schedule }) => schedule.shortest));
  if (shortest < header) {
    throw bad(
      flow,
      `it has packets of ${shortest} bytes, and the header alone has ${header}${
        signed ? " where they are signed" : ""
      }`,
    );
  }
  if (longest > maxPacketSize && longest > header) {
    throw bad(flow, `it has packets of ${longest} bytes, over its maxPacketSize of ${maxPacketSize}`);
  }
  if (longest > MAX_PACKET_BYTES) throw bad(flow, `UDP carries no packets of ${longest} bytes`);
  const forward = senders.filter(({ reverse }) => !reverse);
  return {
    senders,
    longest,
    longestMessage: Math.max(header, ...forward.map(({ burst, schedule }) => burst * schedule.longest)),
    fast: forward.some(({ unpaced, burst }) => unpaced || burst > 1),
    receivesBursts: senders.some(({ reverse, burst }) => reverse && burst > 1),
    settings: formatSettings({
      version: PACKET_VERSION,
      senders: senders.length,
      longest,
      duration: Math.max(...configs.map(({ duration }) => duration)),
      gso: forward.some(({ burst }) => burst > 1),
      reverse: configs.flatMap((each, i): [number, UnresponsiveConfig][] => each.reverse ? [[i, each]] : []),
      ecn: config.ecn ?? 0,
      notices: true,
    }),
  };
}

function bad(flow: string, why: string): TineError {
  return new TineError("bad-packet-flow", `the flow ${flow} cannot be: ${why}`);
}
