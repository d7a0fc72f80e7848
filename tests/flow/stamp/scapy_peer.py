"""Ends of sessions of STAMP whose packets scapy makes and takes apart. Prints JSON lines.

usage: scapy_peer.py sender HOST PORT NUMBER...
       scapy_peer.py reflector HOST stateful|stateless|twamp ntp|ptp LOST_THERE LOST_BACK [AHEAD]

A sender sends a packet of each number and prints its reply. A reflector prints its port; of each hundred of the packets 3 to 202,
it does not get the first LOST_THERE, and loses the next LOST_BACK replies. Its clock is AHEAD seconds ahead. The replies of
twamp are 41 bytes, without a session identifier.
"""

import json
import socket
import struct
import sys
import time

from scapy.contrib.stamp import (
    ErrorEstimate,
    STAMPSessionReflectorTestUnauthenticated as Reply,
    STAMPSessionSenderTestUnauthenticated as Request,
    STAMPTestTLV as Extension,
)

NTP_EPOCH = 2208988800


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def stamp(form, ahead=0):
    """The time as 64 bits."""
    nanos = time.time_ns() + ahead * 10**9
    seconds, rest = divmod(nanos, 10**9)
    if form == "ptp":
        return struct.pack(">II", seconds & 0xFFFFFFFF, rest)
    return struct.pack(">II", (seconds + NTP_EPOCH) & 0xFFFFFFFF, rest * 2**32 // 10**9)


def seconds_of(eight, form):
    first, rest = struct.unpack(">II", eight)
    return first + rest / 1e9 if form == "ptp" else first - NTP_EPOCH + rest / 2**32


def sender(host, port, numbers):
    with socket.socket(family(host), socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((host, port))
        for number in numbers:
            request = Request(seq=number, ssid=513, err_estimate=ErrorEstimate(S=1, scale=3, multiplier=17))
            request.tlv_objects = [Extension(flags=0x80, type=1, len=8, value=b"\x55" * 8), Extension(flags=0x80, type=4, len=4, value=b"\1\2\3\4")]
            sent = bytearray(bytes(request))
            sent[4:12] = stamp("ntp")
            before = time.time()
            sock.send(sent)
            got = sock.recv(2048)
            after = time.time()
            reply = Reply(got)
            print(json.dumps({
                "length": [len(sent), len(got)],
                "seq": reply.seq,
                "ssid": reply.ssid,
                "seqSender": reply.seq_sender,
                "sameTimestamp": got[28:36] == bytes(sent[4:12]),
                "errorSender": [int(reply.err_estimate_sender.S), reply.err_estimate_sender.scale, reply.err_estimate_sender.multiplier],
                "multiplier": reply.err_estimate.multiplier,
                "ttl": reply.ttl_sender,
                "mbz": [reply.mbz1, reply.mbz2],
                "tlvs": [[int(each.flags), each.type, len(each.value)] for each in reply.tlv_objects],
                # Deno's clock of the wall has milliseconds only.
                "inOrder": before - 0.005 <= seconds_of(got[16:24], "ntp") <= seconds_of(got[4:12], "ntp") <= after + 0.005,
            }), flush=True)


def reflector(host, kind, form, lost_there, lost_back, ahead):
    with socket.socket(family(host), socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        print(json.dumps({"port": sock.getsockname()[1]}), flush=True)
        counts = {}
        while True:
            got, source = sock.recvfrom(2048)
            received = stamp(form, ahead)
            request = Request(got)
            # Those that open and close a session are not lost.
            place = (request.seq - 3) % 100 if 3 <= request.seq < 203 else 99
            if place < lost_there:
                continue
            number = request.seq
            if kind != "stateless":
                number = counts.get(source, 0)
                counts[source] = number + 1
            if place < lost_there + lost_back:
                continue
            reply = Reply(
                seq=number,
                ssid=request.ssid,
                err_estimate=ErrorEstimate(Z=1 if form == "ptp" else 0, scale=10, multiplier=1),
                seq_sender=request.seq,
                ttl_sender=64,
            )
            answer = bytearray(bytes(reply))
            answer[16:24] = received
            answer[28:38] = got[4:14]
            if kind == "twamp":
                answer[14:16] = b"\0\0"
                answer = answer[:41]
            else:
                answer += got[44:]
            answer[4:12] = stamp(form, ahead)
            sock.sendto(answer, source)


def main():
    role, host, *rest = sys.argv[1:]
    if role == "sender":
        sender(host, int(rest[0]), [int(number) for number in rest[1:]])
    else:
        kind, form, there, back, *ahead = rest
        reflector(host, kind, form, int(there), int(back), int(ahead[0]) if ahead else 0)


main()
