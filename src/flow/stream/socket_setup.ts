import { setCongestionControl } from "../../sys/congestion_control.ts";
import { setTrafficClass } from "../../sys/ip_options.ts";
import type { Socket } from "../../sys/socket.ts";
import { byteOption, intOption, textOption } from "../../sys/socket_option.ts";
import { noDelay } from "../../sys/socket_options.ts";
import { TineError } from "../../base/errors.ts";
import type { SocketOption } from "../config.ts";
import { forbiddenOnServer, mayBeSetOnServer } from "./server_options.ts";
import type { StreamRequest } from "./words.ts";

/**
 * Sets what the request says on the client's socket; before it connects, so that the first packet has it.
 *
 * @param request as it concerns the client, see {@linkcode requestAt}
 * @throws {TineError} what the kernel refuses
 */
export function setUpClient(socket: Socket, request: StreamRequest): void {
  socket.set(noDelay, true);
  setUp(socket, request, request.direction === "upload");
}

/**
 * Sets what the request says on the server's socket.
 *
 * @param request as it concerns the server
 * @throws {TineError} `forbidden-socket-option`, and what the kernel refuses
 */
export function setUpServer(socket: Socket, request: StreamRequest): void {
  for (const option of request.sockopt ?? []) {
    if (!mayBeSetOnServer(option)) throw new TineError("forbidden-socket-option", forbiddenOnServer(option));
  }
  setUp(socket, request, request.direction === "download");
}

function setUp(socket: Socket, { cca, dscp, sockopt = [] }: StreamRequest, isSender: boolean): void {
  if (cca !== undefined && isSender) setCongestionControl(socket, cca);
  if (dscp !== undefined) setTrafficClass(socket, dscp << 2);
  for (const option of sockopt) setOption(socket, option);
}

function setOption(socket: Socket, { type, level, opt, name, value }: SocketOption): void {
  if (typeof value === "string") socket.set(textOption(level, opt, name), value);
  else socket.set(type === "byte" ? byteOption(level, opt, name) : intOption(level, opt, name), value);
}
