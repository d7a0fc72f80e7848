import { congestionControl } from "../../sys/socket_options.ts";
import type { Socket } from "../../sys/socket.ts";
import type { FlowInfoEvent } from "../flows.ts";
import { requestValues, type StreamRequest } from "./messages.ts";

/** What is told of a stream before its samples. */
export function streamInfo(
  socket: Socket,
  request: StreamRequest,
  { server, tinit }: { readonly server: boolean; readonly tinit: bigint },
): FlowInfoEvent {
  const local = socket.localAddress().unmapped().toString();
  const peer = socket.peerAddress().unmapped().toString();
  return {
    type: "streamInfo",
    flow: request.flow,
    server,
    tinit,
    values: {
      engine: "ffi",
      direction: request.direction,
      client: server ? peer : local,
      server: server ? local : peer,
      // Of this end; it governs the transfer where this end is the sender.
      cca: socket.get(congestionControl),
      ...requestValues(request),
    },
  };
}
