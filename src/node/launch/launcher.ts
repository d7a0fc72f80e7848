import type { Connection } from "../../wire/connection.ts";
import type { Node } from "../plan/types.ts";
import { TineError } from "../../base/errors.ts";

/** What the nodes of one machine have in common; each hands it on to those that it launches on its machine. */
export interface Host {
  /**
   * A process whose mount namespace holds the names of network namespaces, as the nodes see it: the root node, the
   * first node of a far machine, the init of the holder. Nodes in namespaces have mount namespaces of their own, and
   * names that are made in these are invisible elsewhere.
   */
  readonly mounts: number;
  /** Without root: the init of the holder that has the namespaces, for nodes outside of it. */
  readonly holder?: number;
  /** What nodes are in that do not see the network of the machine: a namespace of the test, or the holder. */
  readonly inside?: "namespace" | "holder";
  /** Where tine was run through sudo: the user to drop to. */
  readonly user?: InvokingUser;
}

/** The user that ran tine through sudo. */
export interface InvokingUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** What a launcher gets besides the node. */
export interface LaunchOptions {
  readonly host: Host;
  /** Aborted when the launch is canceled. */
  readonly signal: AbortSignal;
  /** The platforms of nodes further down that are reached by ssh, as far as the plan names them. */
  readonly platforms?: readonly string[];
  /** A line that the child wrote to standard error, or something to know about the launch. */
  onLine(line: string): void;
}

/** A child node that was started. It may not have sent anything yet. */
export interface LaunchedNode extends AsyncDisposable {
  /** To its `node serve`. */
  readonly connection: Connection;
  /** What the child must know of its own machine; absent on another one, where it finds out itself. */
  readonly host?: Host;
  /** Files on its machine, by platform: executables for what it launches further away. */
  readonly executables?: Readonly<Record<string, string>>;
  /** How it ended, in words, once it has: `exited with status 1: ...`, `was killed by SIGKILL`. */
  readonly ended: Promise<string>;
  /** Ends it at once. */
  kill(): void;
  /** Waits for its end (kills it after a grace period), and takes back what was made for it, such as a namespace. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a node. */
export type Launch = (node: Node, options: LaunchOptions) => Promise<LaunchedNode>;

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
      node.cpu !== undefined && "cpu",
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
