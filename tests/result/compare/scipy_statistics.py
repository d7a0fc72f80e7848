"""Prints what scipy makes of 200 seeded pairs of samples, as a JSON object a line; half of them have equal values.

The output is kept in scipy_statistics.jsonl:

    python3 tests/result/compare/scipy_statistics.py > tests/result/compare/scipy_statistics.jsonl
"""

import json
import random
from math import inf

from scipy import stats

draw = random.Random(16)
for i in range(200):
    equal = i % 2 == 0
    # Of equal values, scipy goes through all ways to deal them out.
    most = 8 if equal else 25
    first, second = draw.randint(2, most), draw.randint(2, most)
    shift = draw.choice([0, 0, 1, 2])
    if equal:
        spread = draw.choice([2, 4, 10])
        x = [draw.randrange(spread) for _ in range(first)]
        y = [draw.randrange(spread) + shift for _ in range(second)]
        method = stats.PermutationMethod(n_resamples=inf)
    else:
        x = [round(draw.gauss(10, 2), 6) for _ in range(first)]
        y = [round(draw.gauss(10 + shift, 2), 6) for _ in range(second)]
        method = "exact"
    test = stats.mannwhitneyu(x, y, alternative="two-sided", method=method)
    interval = stats.quantile_test(x, q=0, p=0.5).confidence_interval(0.95)
    limits = [None if abs(limit) == inf or limit != limit else float(limit) for limit in interval]
    # Not all scipy computes has the same last digits on each machine.
    print(json.dumps({"first": x, "second": y, "p": float(f"{test.pvalue:.10g}"), "median": limits}))

# More repeats than the exact distribution is made for.
for equal in (False, True):
    x = [draw.gauss(10, 2) for _ in range(90)]
    y = [draw.gauss(10.7, 2) for _ in range(80)]
    if equal:
        x, y = [round(v) for v in x], [round(v) for v in y]
    else:
        x, y = [round(v, 6) for v in x], [round(v, 6) for v in y]
    p = stats.mannwhitneyu(x, y, method="asymptotic").pvalue
    print(json.dumps({"first": x, "second": y, "p": float(f"{p:.10g}"), "asymptotic": True}))
