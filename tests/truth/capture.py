"""Notes when packets of UDP flows pass an interface, by the stamps of the kernel: capture.py DEVICE

Says "ready", and at the end of its input prints a line for each packet: whether it went out or came in, its flags, its
number, and the time in nanoseconds since 1970. It knows of the flows only what is written in their headers.
"""
import select
import socket
import struct
import sys

ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_OUTGOING = 4
ETHERNET, IPV4, UDP, HEADER = 14, 20, 8, 56

capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
capture.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
capture.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
capture.bind((sys.argv[1], ETH_P_ALL))
print("ready", flush=True)

lines = []
while True:
    readable, _, _ = select.select([capture, sys.stdin], [], [])
    if capture in readable:
        frame, control, _, address = capture.recvmsg(2048, 256)
        packet = frame[ETHERNET + IPV4 + UDP:]
        if len(packet) < HEADER or packet[:4] != b"tine":
            continue
        flags, number = struct.unpack_from("!4xBxxxQ", packet)
        [nanos] = [
            seconds * 10**9 + rest
            for level, kind, data in control
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS
            for seconds, rest in [struct.unpack("qq", data)]
        ]
        way = "out" if address[2] == PACKET_OUTGOING else "in"
        lines.append(f"{way} {flags} {number} {nanos}")
    elif sys.stdin in readable:
        break

_, drops = struct.unpack("II", capture.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
if drops > 0:
    sys.exit(f"{drops} packets were not seen")
print("\n".join(lines))
