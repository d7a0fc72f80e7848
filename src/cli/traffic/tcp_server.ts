import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { commonFlags } from "./client_flags.ts";
import { limitFlags, listen, listenAddresses, operationFlags, startAll, workers } from "./listen.ts";

/** `tine tcp server`: serves TCP flows by hand. */
export const command = defineCommand({
  name: "tcp server",
  summary: "Serve TCP flows to clients, many at once",
  usage: ["[--listen HOST:PORT]... [--workers COUNT] [--key-file FILE] [--json]"],
  description:
    "Serves transfers and requests of tine tcp client until it is interrupted, and prints a line for each one that is " +
    "over, also where it did not come to its end. Only this machine can reach the default address. On another, use a " +
    "key: without one it serves all who ask.",
  flags: {
    listen: listen("127.0.0.1:7000"),
    workers,
    ...limitFlags,
    ...operationFlags,
    ...commonFlags,
    json: flag({ help: "a JSON object a line: the address, each flow that is over, what --stats prints" }),
  },
  examples: [
    { command: "tine tcp server", what: "for clients on this machine" },
    {
      command: "TINE_KEY=$(cat key) tine tcp server --listen 0.0.0.0:7000",
      what: "for all machines that have the key",
    },
    { command: "tine tcp server --one-off", what: "for one client, whose flows decide about the exit status" },
  ],

  async run({ flags }) {
    const { hostnames, listening } = listenAddresses(flags.listen);
    const [{ createFlows }, { readFlowKey }, { serveFlows }] = await Promise.all([
      import("../../flow/create_flows.ts"),
      import("./flow_key.ts"),
      import("./serve_flows.ts"),
    ]);
    const key = await readFlowKey(flags.keyFile);
    const { maxRate, maxDuration, maxFlows } = flags, limits = { maxRate, maxDuration, maxFlows };
    await using flows = createFlows();
    return await serveFlows({
      name: "tine tcp server",
      hostnames,
      key,
      json: flags.json,
      oneOff: flags.oneOff,
      statsMs: flags.stats,
      metrics: flags.metrics,
      engine: flows.kind,
      listen: (optionsOfOne) =>
        startAll(listening.map(({ listenAddr, ipv6Only }) => () => {
          const protocol = ipv6Only ? "tcp6" : "tcp";
          return flows.streamServer({
            listenAddr,
            protocol,
            hmac: key !== undefined,
            workers: flags.workers,
            cpu: flags.cpu,
            priority: flags.priority,
            ...limits,
          }, optionsOfOne());
        })),
    });
  },
});
