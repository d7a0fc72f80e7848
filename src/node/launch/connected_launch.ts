import type { Connection } from "../../wire/connection.ts";
import { TineError } from "../../base/errors.ts";
import type { Node } from "../plan/types.ts";
import type { Launch } from "./launcher.ts";

/**
 * Gives a connection to a node that the program itself starts, at whose other end `serve` runs: in this process over
 * `pipeConn`, or anywhere else.
 */
export type Connect = (node: Node) => Connection | Promise<Connection>;

/** Launches nodes by connecting to them. Their end is the end of the connection. */
export function connectedLaunch(connect: Connect): Launch {
  return async (node) => {
    const given = [
      node.netns && "netns",
      node.env && "env",
      node.platform && "platform",
      (node.launcher.local?.root || node.launcher.ssh?.root) && "root",
    ].find((name) => name);
    if (given !== undefined) {
      const message = `node ${node.id} has ${given}, which is for nodes that tine starts, not for those of connect`;
      throw new TineError("bad-node", message);
    }
    const connection = await connect(node);
    const ended = Promise.withResolvers<string>();
    const close = () => {
      connection.close();
      ended.resolve("has closed its connection");
    };
    return { connection, ended: ended.promise, kill: close, [Symbol.asyncDispose]: () => Promise.resolve(close()) };
  };
}
