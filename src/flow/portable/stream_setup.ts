import { TineError } from "../../base/errors.ts";
import type { FlowInfoEvent } from "../flows.ts";
import { requestValues, type StreamRequest } from "../stream/messages.ts";
import type { Connection } from "./connection.ts";

/** What Deno's network API cannot do. */
const needsRawSockets = ["cca", "dscp", "sockopt"] as const;

/**
 * Refuses a request that Deno's network API cannot fulfil.
 *
 * @param isSender whether the end in question sends: who receives has no use for a congestion control
 * @throws {TineError} `ffi-unavailable`
 */
export function checkPortable(request: StreamRequest, isSender: boolean): void {
  const wanted = needsRawSockets.filter((key) => request[key] !== undefined && (key !== "cca" || isSender));
  if (wanted.length === 0) return;
  throw new TineError(
    "ffi-unavailable",
    `${wanted.join(" and ")} cannot be set: raw sockets are not to be had here, only Deno's own network API`,
  );
}

/** What is told of a stream before its samples. */
export function portableStreamInfo(
  connection: Connection,
  request: StreamRequest,
  { server, tinit }: { readonly server: boolean; readonly tinit: bigint },
): FlowInfoEvent {
  const local = connection.localAddress, peer = connection.peerAddress;
  return {
    type: "streamInfo",
    flow: request.flow,
    server,
    tinit,
    values: {
      engine: "portable",
      direction: request.direction,
      client: server ? peer : local,
      server: server ? local : peer,
      ...requestValues(request),
    },
  };
}
