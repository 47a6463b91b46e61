"""Splits, windows and padding with lists and loops."""


def leave_one_out(log):
    train, valid, test = [], [], []
    for start, stop in zip(log.starts, log.starts[1:], strict=False):
        if stop - start < 3:
            train.append((start, stop))
            continue
        train.append((start, stop - 2))
        valid.append((start, stop - 2))
        test.append((start, stop - 1))
    return train, valid, test


def windows(spans, longest):
    cut = []
    for start, stop in spans:
        while stop - start > 1:
            cut.append((max(start, stop - longest - 1), stop))
            stop -= longest
    return cut


def pad(values, spans):
    width = max(stop - start for start, stop in spans)
    return [[*values[start:stop], *[0] * (width - stop + start)] for start, stop in spans]
