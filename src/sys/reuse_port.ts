import type { SockAddr } from "./address.ts";
import { Arena } from "./arena.ts";
import { SO_ATTACH_REUSEPORT_CBPF, SOL_SOCKET } from "./constants.ts";
import { sockFilter, sockFprog } from "./layouts.ts";
import { type Protocol, Socket } from "./socket.ts";
import { reusePort, v6Only } from "./socket_options.ts";

/** An instruction of classic BPF: code, jump if true, jump if false, constant. */
export type Instruction = readonly [code: number, jt: number, jf: number, k: number];

/**
 * Binds sockets to one address, where no socket is bound before: SO_REUSEPORT of socket(7). With port 0, the kernel
 * chooses the port of all.
 *
 * @param count how many sockets, in the order that programs number them from 0
 * @param ipv6Only whether sockets of IPv6 take no IPv4
 * @throws {SystemError} EADDRINUSE also where the sockets at this address would share it
 */
export function bindTogether(protocol: Protocol, address: SockAddr, count: number, ipv6Only = false): Socket[] {
  const sockets: Socket[] = [];
  try {
    let bound = address;
    for (let i = 0; i < count; i++) {
      const socket = Socket.open(protocol, address.family);
      sockets.push(socket);
      if (address.family === "ipv6" && ipv6Only) socket.set(v6Only, true);
      // The first one shares nothing yet: else it would join sockets of another process.
      if (i > 0) socket.set(reusePort, true);
      socket.bind(bound);
      if (i > 0) continue;
      socket.set(reusePort, true);
      bound = socket.localAddress();
    }
    return sockets;
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw error;
  }
}

/**
 * Sets the program by which the kernel chooses the socket of each packet, among all that are bound to one address. It
 * runs with the data behind the header of UDP, and returns the number of the socket.
 *
 * Source: SO_ATTACH_REUSEPORT_CBPF of socket(7).
 *
 * @param socket one of them
 * @throws {SystemError} where the kernel takes no such programs
 */
export function steerReusedPort(socket: Socket, program: readonly Instruction[]): void {
  using arena = new Arena();
  const instructions = arena.allocate(program.length * sockFilter.sizeBytes);
  for (const [i, [code, jt, jf, k]] of program.entries()) {
    const at = i * sockFilter.sizeBytes, { view } = instructions;
    view.setUint16(at + sockFilter.at.code, code, true);
    view.setUint8(at + sockFilter.at.jt, jt);
    view.setUint8(at + sockFilter.at.jf, jf);
    view.setUint32(at + sockFilter.at.k, k, true);
  }
  socket.set({
    name: "SO_ATTACH_REUSEPORT_CBPF",
    level: SOL_SOCKET,
    number: SO_ATTACH_REUSEPORT_CBPF,
    maxBytes: sockFprog.sizeBytes,
    encode: () => {
      const bytes = new Uint8Array(sockFprog.sizeBytes), view = new DataView(bytes.buffer);
      view.setUint16(sockFprog.at.len, program.length, true);
      view.setBigUint64(sockFprog.at.filter, instructions.address, true);
      return bytes;
    },
    decode: () => {},
  }, undefined);
}
