"""Computes with plain Python what bundled handlers of tine answer: reads points as JSON, prints answers as JSON.

A point is [time in ns as text, group, fields]. An answer is a list with what each handler answers, in order.
"""

import json
import statistics
import sys


def number(fields):
    value = fields.get("v")
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def by_group(points, handle):
    """Answers each point with what its group says about it; `before` is what the group has seen."""
    seen, answers = {}, []
    for time, group, fields in points:
        value = number(fields)
        if value is None:
            continue
        answer = handle(seen.setdefault(group, []), time, value)
        if answer is not None:
            answers.append(answer)
    return answers


def ewma(points, alpha):
    def handle(state, _, value):
        if not state:
            state[:] = [value, abs(value) / 2]
        else:
            mean, deviation = state
            deviation = (1 - 2 * alpha) * deviation + 2 * alpha * abs(mean - value)
            state[:] = [(1 - alpha) * mean + alpha * value, deviation]
        return {"ewma": state[0], "dev": state[1]}

    return by_group(points, handle)


def ewma_by_time(points, half_life):
    def handle(seen, time, value):
        seen.append((time, value))
        newest = max(t for t, _ in seen)
        weights = [2 ** -((newest - t) / half_life) for t, _ in seen]
        return {"ewma": sum(w * v for w, (_, v) in zip(weights, seen)) / sum(weights)}

    return by_group(points, handle)


def window(seen, time, size, span):
    """The values of a window at the time of a point that has come; None: the point is too late for it."""
    if span is None:
        return [v for _, v in seen[-size:]]
    newest = max([t for t, _ in seen] + [time])
    if time <= newest - span:
        return None
    return [v for t, v in sorted(seen, key=lambda point: point[0]) if t > newest - span][-size:]


def quantile(points, p, size, span):
    def handle(seen, time, value):
        if window(seen, time, size, span) is None:
            return None
        seen.append((time, value))
        values = sorted(window(seen, time, size, span))
        if p == 0.5:
            return {"quantile": statistics.median(values)}
        if len(values) == 1:
            return {"quantile": values[0]}
        return {"quantile": statistics.quantiles(values, n=100, method="inclusive")[round(100 * p) - 1]}

    return by_group(points, handle)


def anomaly(points, size, span, threshold, floor, warm_up):
    def handle(seen, time, value):
        values = window(seen, time, size, span)
        if values is None:
            return None
        seen.append((time, value))
        if len(values) < warm_up:
            return {"anomaly": False}
        median = statistics.median(values)
        deviation = max(floor, 1.4826 * statistics.median([abs(v - median) for v in values]))
        return {
            "anomaly": abs(value - median) > threshold * deviation,
            "anomaly_median": median,
            "anomaly_deviation": deviation,
        }

    return by_group(points, handle)


def rate(points, of, unit):
    def handle(seen, time, value):
        if of == "counter" and value < 0 or seen and time < seen[-1][0]:
            return None
        seen.append((time, value))
        earlier = [i for i, (t, _) in enumerate(seen) if t < time]
        if not earlier or seen[-2][0] == time:
            return None
        # From the first point of the time before on.
        start = min(i for i, (t, _) in enumerate(seen) if t == seen[-2][0])
        values = [v for _, v in seen[start:]]
        changes = [b if of == "counter" and b < a else b - a for a, b in zip(values, values[1:])]
        return {"rate": sum(changes) / ((time - seen[-2][0]) / unit)}

    return by_group(points, handle)


def join(points, tolerance):
    """Each side is in the order of time, whatever the order of the whole."""
    answers = {}
    for time, group, fields in points:
        if "l" not in fields:
            continue
        rights = [(t, f["r"]) for t, g, f in points if g == group and "r" in f and abs(t - time) <= tolerance]
        if rights:
            nearest = min(rights, key=lambda right: (abs(right[0] - time), right[0]))
            answers.setdefault(group, []).append([time, fields["l"], nearest[1]])
    return answers


given = json.load(sys.stdin)
points, sides = ([(int(time), *rest) for time, *rest in given[name]] for name in ("points", "sides"))
SECOND = 10**9
print(json.dumps({
    "ewma by points": ewma(points, 0.125),
    "ewma by time": ewma_by_time(points, 2 * SECOND),
    "quantile by count": quantile(points, 0.9, 20, None),
    "quantile by time": quantile(points, 0.5, 10**6, 5 * SECOND),
    "quantile by both": quantile(points, 0.99, 7, 5 * SECOND),
    "anomaly by count": anomaly(points, 15, None, 3, 0, 10),
    "anomaly by time": anomaly(points, 10**6, 8 * SECOND, 2.5, 0.5, 4),
    "rate of a counter": rate(points, "counter", SECOND),
    "rate of a gauge": rate(points, "gauge", 60 * SECOND),
    "join": join(sides, SECOND // 2),
}))
