"""The six cleaning rules with lists and loops."""

import math
from collections import Counter


def clean(log, most):
    rows = [tuple(row) for row in log.tolist() if not any(map(math.isnan, row))]
    rows = list(dict.fromkeys(rows))
    usual = Counter(kind for _, _, kind, _ in rows).most_common(1)[0][0]
    kinds_of = {}
    for user, _, kind, _ in rows:
        kinds_of.setdefault(user, []).append(kind)
    busy = {user for user, kinds in kinds_of.items() if len(kinds) > most}
    bots = {user for user in busy if set(kinds_of[user]) == {usual}}
    rows = sorted((r for r in rows if r[0] not in bots), key=lambda r: (r[0], r[3]))
    steps = []
    for user, item, kind, time in rows:
        if steps and steps[-1][:2] == [user, item]:
            steps[-1][2] = kind
        else:
            steps.append([user, item, kind, time])
    return steps
