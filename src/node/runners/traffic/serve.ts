import type { FlowOptions, Flows, FlowServer } from "../../../flow/flows.ts";
import type { Feedback } from "../../feedback.ts";
import type { RunContext } from "../../runner.ts";
import { flowOptions } from "./flow_options.ts";

/** Starts a server that serves until the node ends, and tells where it listens. */
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
