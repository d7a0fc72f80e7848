import { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import { MAX_CONTROL_BYTES } from "../packet/control_packet.ts";
import type { PacketPorts } from "../packet/packet_port.ts";
import type { GroupFlow } from "./group_flow.ts";
import type { Announcement } from "./group_packets.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";

/** Flows that are reported on at a time: each takes a socket. */
const MAX_REPORTERS = 256;

/** What reporters need. */
export interface ReportersOptions extends Pick<ReporterOptions, "socketDrops"> {
  readonly host: FlowHost;
  readonly ports: PacketPorts;
  /** Logs a line for people. */
  log(line: string): void;
}

/** The reporters of a receiver, one for each flow that it may report on. */
export class Reporters implements Disposable {
  readonly #options: ReportersOptions;
  readonly #byFlow = new Map<GroupFlow, Reporter>();

  constructor(options: ReportersOptions) {
    this.#options = options;
  }

  /** The reporter of a flow; undefined without one. */
  get(flow: GroupFlow): Reporter | undefined {
    return this.#byFlow.get(flow);
  }

  /**
   * Starts to report on a flow that is signed, if its sender wants that: only to the address in the signed announcement, and only
   * if it came from there, see group_packets.ts.
   *
   * @param source where it came from
   */
  start(flow: GroupFlow, { reportTo }: Announcement, source: SockAddr): void {
    const { hmac, name } = flow, { host, ports, socketDrops, log } = this.#options;
    if (hmac === undefined || reportTo === undefined || this.#byFlow.size >= MAX_REPORTERS) return;
    const to = SockAddr.parse(reportTo);
    if (!to.ip.every((byte, k) => byte === source.ip[k])) {
      return log(
        `flow ${name.text} of ${source} wants its reports at ${to}, which is another address: nothing is reported`,
      );
    }
    try {
      const port = ports.connect(source.withPort(to.port), { flow: name.text, sender: [] }, MAX_CONTROL_BYTES);
      this.#byFlow.set(flow, new Reporter({ host, port, flow, hmac, socketDrops }));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log(`flow ${name.text} of ${source}: nothing can be reported to its sender: ${error.message}`);
    }
  }

  /** Ends the reports on a flow. */
  drop(flow: GroupFlow): void {
    this.#byFlow.get(flow)?.[Symbol.dispose]();
    this.#byFlow.delete(flow);
  }

  /** Forgets the reporters that are over. */
  tidy(): void {
    for (const [flow, reporter] of this.#byFlow) if (reporter.over) this.#byFlow.delete(flow);
  }

  [Symbol.dispose](): void {
    for (const flow of [...this.#byFlow.keys()]) this.drop(flow);
  }
}
