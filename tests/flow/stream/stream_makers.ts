import type { StreamClientConfig, StreamServerConfig } from "../../../src/flow/config.ts";
import { FfiFlows } from "../../../src/flow/ffi_flows.ts";
import type { FlowOptions, FlowServer } from "../../../src/flow/flows.ts";
import { portableStreamClient } from "../../../src/flow/portable/stream_client.ts";
import { portableStreamServer } from "../../../src/flow/portable/stream_server.ts";
import { availability } from "../../../src/sys/availability.ts";

/** A way to make streams. */
export interface StreamMaker extends AsyncDisposable {
  streamServer(config: StreamServerConfig, options: FlowOptions): Promise<FlowServer>;
  streamClient(
    addr: string,
    config: StreamClientConfig,
    options: FlowOptions,
  ): Promise<Readonly<Record<string, number>>>;
}

/** Over Deno's own network API. */
export function portable(): StreamMaker {
  return {
    streamServer: (config, options) => Promise.resolve(portableStreamServer(config, options)),
    streamClient: portableStreamClient,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The ways that this system has. */
export const makers: Readonly<Record<string, () => StreamMaker>> = availability().available
  ? { ffi: () => new FfiFlows(), portable }
  : { portable };
