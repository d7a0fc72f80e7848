import { Canceled } from "../../node/runner.ts";
import { serve, serveFar } from "../../node/serve.ts";
import { stdioConnection } from "../../wire/connection.ts";
import { defineCommand } from "../command.ts";
import { placeProcess } from "../../sys/placement.ts";
import { flag, text } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { UsageError } from "../errors.ts";

/** `tine node serve ID`: is a node of a running test. */
export const command = defineCommand({
  name: "node serve",
  summary: "Be a node of a test; tine run starts it",
  usage: ["ID [--cpu LIST]"],
  description:
    "Parents start their nodes with this command; by hand it has no use. It speaks the protocol of nodes on stdin and " +
    "stdout, and ends, with all that it started, when its parent asks for it or the connection is gone.",
  flags: {
    cpu: text({ value: "LIST", help: "the CPUs to run on" }),
    far: flag({ help: "read a line of JSON first: where the node runs (what ssh nodes are started with)" }),
  },
  positionals: [{ name: "ID", help: "the node's id in the plan" }],
  examples: [{ command: "tine node serve left", what: "what tine run starts for a local node left" }],

  async run({ flags, positionals: [id] }) {
    if (Deno.stdin.isTerminal()) throw new UsageError("node serve is driven by tine run, not from a terminal");
    const control = new AbortController();
    const stop = () => control.abort(new Canceled("interrupted", "the node was interrupted by a signal"));
    using _interrupts = onInterrupt(stop, () => Deno.exit(130));
    try {
      if (flags.cpu !== undefined) placeProcess(flags.cpu);
      if (flags.far) await serveFar(id, stdioConnection(), control.signal);
      else await serve(id, stdioConnection(), { signal: control.signal });
      return 0;
    } catch (error) {
      // The parent knows why: from itself, or from this node's last message.
      if (error instanceof Canceled && error.code !== "parent-gone") return 1;
      throw error;
    }
  },
});
