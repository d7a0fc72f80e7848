"""Computes figures of UDP flows of echoes from the table of its packets, in plain Python, and prints them as JSON.

Reads the table `packets` as CSV. Knows nothing of how tine computes its figures: it follows their definitions.
"""
import collections, csv, json, math, statistics, sys

flows = collections.defaultdict(lambda: collections.defaultdict(dict))
for row in csv.DictReader(sys.stdin):
    event = ("server" if row["server"] == "true" else "client") + (" sent" if row["sent"] == "true" else " received")
    flows[row["flow"]][int(row["seq"])].setdefault(event, (int(row["time"]), int(row["len_bytes"])))

figures = {}
for flow, packets in flows.items():
    whole = [p for p in packets.values() if len(p) == 4]
    rtts = sorted(
        (p["client received"][0] - p["client sent"][0]) - (p["server sent"][0] - p["server received"][0]) for p in whole
    )
    sent = [p["client sent"] for _, p in sorted(packets.items()) if "client sent" in p]
    to_server = [p["server received"][0] - p["client sent"][0] for p in whole]
    figures[flow] = {
        "sent": len(sent),
        "received": sum("server received" in p for p in packets.values()),
        "lost": sum("server received" not in p for p in packets.values()),
        "rttMeanMicros": statistics.fmean(rtts) / 1000,
        "rttMedianMicros": statistics.median(rtts) / 1000,
        "rttP99Micros": rtts[math.ceil(0.99 * len(rtts)) - 1] / 1000,
        "rttMaxMicros": rtts[-1] / 1000,
        "oneWayDelayMeanMicros": statistics.fmean(to_server) / 1000,
        "sendBitsPerSecond": sum(bytes for _, bytes in sent[1:]) * 8e9 / (sent[-1][0] - sent[0][0]),
    }
json.dump(figures, sys.stdout)
