"""Sends packets that a peer returns, as plainly as a program can, and notes the clock beside each call:

    echoes.py serve HOST                  prints "ready PORT", answers until the end of its input, then prints its stamps
    echoes.py ask HOST PORT COUNT SECONDS sends COUNT packets, SECONDS apart, then prints its stamps

A line for each packet: its number, and when the first and the second call were made, in nanoseconds since 1970: sent and
received where packets are asked for, received and sent where they are answered. The headers are those that capture.py
knows.
"""
import select
import socket
import struct
import sys
import time

ECHO, REPLY = 1, 2
HEADER = struct.Struct("!4sBxxxQ40x")


def serve(host):
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((host, 0))
    print("ready", end.getsockname()[1], flush=True)
    while True:
        readable, _, _ = select.select([end, sys.stdin], [], [])
        if end not in readable:
            return
        packet, client = end.recvfrom(2048)
        received = time.time_ns()
        _, _, number = HEADER.unpack(packet)
        reply = HEADER.pack(b"tine", ECHO | REPLY, number)
        sent = time.time_ns()
        end.sendto(reply, client)
        yield number, received, sent


def ask(host, port, count, seconds):
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.connect((host, int(port)))
    end.settimeout(10)
    for number in range(int(count)):
        packet = HEADER.pack(b"tine", ECHO, number)
        sent = time.time_ns()
        end.send(packet)
        end.recv(2048)
        received = time.time_ns()
        yield number, sent, received
        time.sleep(float(seconds))


stamps = list({"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:]))
print("\n".join(f"{number} {first} {second}" for number, first, second in stamps))
