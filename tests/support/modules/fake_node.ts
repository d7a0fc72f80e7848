/** A node that misbehaves, in the way that its argument names. It speaks the protocol well enough to be launched. */

import { contentOf, controlMessage } from "../../../src/node/protocol/kinds.ts";
import { type Frame, Kind } from "../../../src/node/protocol/frame.ts";
import { Link } from "../../../src/node/link/link.ts";
import { encodeItem } from "../../../src/node/protocol/kinds.ts";
import { serve } from "../../../src/node/serve.ts";
import { stdioConnection } from "../../../src/wire/connection.ts";
import { streamReport } from "../../flow/reports.ts";

/** How a node misbehaves. */
export type Misbehavior = "banner" | "quit" | "cut" | "stay" | "chat" | "escape" | "above";

/** Names of files that lead out of the folder of results. */
export const ESCAPES = ["../evil", "/tmp/evil", "a/../../evil", "..", "records.tine/../../../evil", "a\0b", ""];

/** What a flow may say that goes on. */
const PROGRESS = encodeItem({ type: "progress", nodeId: "left", flow: "f", report: streamReport() });

/** The command that starts one. */
export function fakeNode(how: Misbehavior): string[] {
  return [Deno.execPath(), "run", "-q", "-A", "--no-check", "--no-lock", import.meta.filename!, how];
}

if (import.meta.main) main(Deno.args[0] as Misbehavior);

function main(how: Misbehavior): void {
  if (how === "banner") {
    console.log("Welcome to this machine. Authorized use only.");
    return;
  }
  if (how === "quit") {
    console.error("the license has expired");
    Deno.exit(3);
  }
  if (how === "above") {
    // It is a good one, but its children are not.
    serve(Deno.args[3], stdioConnection(), { command: fakeNode("stay") }).catch(() => {}).then(() => Deno.exit(0));
    return;
  }
  // Its timers do not keep the process alive.
  setInterval(() => {}, 3_600_000);
  const link: Link = new Link(stdioConnection(), { peer: "the parent", receive: (frame) => receive(frame) });
  link.closed.catch(() => {}).then(() => Deno.exit(0));

  function receive(frame: Frame): void {
    switch (frame.kind) {
      case Kind.setup:
        return link.send(controlMessage("ready", undefined));
      case Kind.run:
        if (how === "escape") {
          const payload = new TextEncoder().encode("out of the folder");
          for (const name of ESCAPES) link.send({ kind: Kind.fileData, origin: "left", name, payload });
        }
        if (how === "cut") {
          Deno.stdout.writeSync(new Uint8Array([100, 1, 2, 3])); // the start of a frame of 100 bytes
          Deno.exit(4);
        }
        return link.send(controlMessage("ran", new Map(), frame.name));
      case Kind.cancel:
        if (how === "stay") return;
        if (how === "chat") return void setInterval(() => link.send(PROGRESS), 1000);
        link.send(controlMessage("canceled", contentOf("cancel", frame)));
        link.close();
    }
  }
}
