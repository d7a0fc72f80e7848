"""Notes test packets of STAMP that pass an interface, by the stamps of the kernel: stamp_capture.py DEVICE PORT

Prints "ready", and at the end of its input prints a line for each packet to or from that port: whether it goes there, its number
or that which it answers, the length of its UDP payload, its TTL or hop limit, its traffic class, and the time in nanoseconds
since 1970.
"""
import select
import socket
import struct
import sys

ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
ETHERNET, UDP = 14, 8

device, port = sys.argv[1], int(sys.argv[2])
capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
capture.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
capture.bind((device, ETH_P_ALL))
print("ready", flush=True)


def headers(frame):
    """Where UDP begins, TTL and traffic class; None for what is no UDP."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == 17:
        return ETHERNET + 4 * (frame[14] & 15), frame[22], frame[15]
    if kind == b"\x86\xdd" and frame[20] == 17:
        return ETHERNET + 40, frame[21], (frame[14] & 15) << 4 | frame[15] >> 4
    return None


lines = []
while True:
    readable, _, _ = select.select([capture, sys.stdin], [], [])
    if capture in readable:
        frame, control, _, _ = capture.recvmsg(2048, 256)
        found = headers(frame)
        if found is None:
            continue
        at, ttl, traffic_class = found
        source, target, length = struct.unpack_from("!HHH", frame, at)
        if port not in (source, target):
            continue
        there = target == port
        (number,) = struct.unpack_from("!I", frame, at + UDP + (0 if there else 24))
        [nanos] = [
            seconds * 10**9 + rest
            for level, kind, data in control
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS
            for seconds, rest in [struct.unpack("qq", data)]
        ]
        lines.append(f"{int(there)} {number} {length - UDP} {ttl} {traffic_class} {nanos}")
    elif sys.stdin in readable:
        break

print("\n".join(lines))
