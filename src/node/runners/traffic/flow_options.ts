import type { FlowOptions, Flows, FlowServer } from "../../../flow/flows.ts";
import type { RunContext } from "../../runner.ts";
import type { Feedback } from "../../feedback.ts";
import { TineError } from "../../../base/errors.ts";

/** Sends what flows report to the root; the run is canceled with them. */
export function flowOptions(context: RunContext, hmac = true): FlowOptions {
  return {
    signal: context.signal,
    key: hmac ? context.key : undefined,
    // Flows never wait for results to be sent: what is too much for the memory goes to a file.
    events: {
      info: (info) => void context.send(info),
      records: (flow, chunk) => void context.send({ type: "records", flow, chunk }),
      progress: (flow, report) => void context.send({ type: "progress", flow, report }),
      log: (text) => void context.log(text),
    },
  };
}

/** Starts a server that serves until the node ends, and returns where it listens. */
export async function serve(
  { hmac, listenAddrKey }: { readonly hmac?: boolean; readonly listenAddrKey?: string },
  context: RunContext,
  listen: (flows: Flows, options: FlowOptions) => Promise<FlowServer>,
): Promise<Feedback | void> {
  const server = await listen(await context.flows(), flowOptions(context, hmac));
  context.onEnd(async () => await server[Symbol.asyncDispose]());
  context.goesOn(server.ended);
  if (listenAddrKey !== undefined) return new Map([[listenAddrKey, server.address]]);
}

/**
 * The address that a client dials.
 *
 * @throws {TineError} `feedback-unset`, if it is to come from a key that no run before has set
 */
export function serverAddress(
  { addr, addrKey }: { readonly addr?: string; readonly addrKey?: string },
  feedback: Feedback,
): string {
  const found = addr ?? feedback.get(addrKey!);
  if (found !== undefined) return found;
  const known = [...feedback.keys()].join(", ") || "none";
  throw new TineError("feedback-unset", `no run before has set the feedback key ${addrKey}; set are: ${known}`);
}
