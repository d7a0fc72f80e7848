"""Computes in plain Python what moving-avg and outliers return for exported round trips.

    smoothed.py < round_trips.jsonl

Prints an object of JSON: by flow the moving averages over the last 5 round trips, as [time, average], and the times of
Tukey's outliers in windows of 500 ms.
"""

import json
import statistics
import sys

SIZE = 5
WINDOW = 500_000_000
SCALE = 1.5


def outliers(rows):
    values = sorted(row["rtt_us"] for row in rows)
    half = len(values) // 2
    if half == 0:
        return []
    q1 = statistics.median(values[:half])
    q3 = statistics.median(values[len(values) - half:])
    low, high = q1 - SCALE * (q3 - q1), q3 + SCALE * (q3 - q1)
    return [row["time"] for row in rows if not low <= row["rtt_us"] <= high]


flows = {}
for line in sys.stdin:
    row = json.loads(line)
    flows.setdefault(row["flow"], []).append(row)

result = {}
for flow, rows in flows.items():
    averages = []
    for i, row in enumerate(rows):
        last = [other["rtt_us"] for other in rows[max(0, i + 1 - SIZE):i + 1]]
        averages.append([row["time"], sum(last) / len(last)])
    windows = {}
    for row in rows:
        windows.setdefault(row["time"] // WINDOW, []).append(row)
    odd = [time for window in sorted(windows) for time in outliers(windows[window])]
    result[flow] = {"averages": averages, "outliers": odd}
print(json.dumps(result))
