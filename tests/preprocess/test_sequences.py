import numpy as np

from tinyrec.preprocess import sequences
from tinyrec.preprocess.sequences import Log

#   user 0: items 10 11 12 13 14    user 1: 20 21    user 2: 30 31 32
ITEMS = np.array([10, 11, 12, 13, 14, 20, 21, 30, 31, 32])
LOG = Log(ITEMS, np.zeros(10, int), np.array([0, 5, 7, 10]))


def test_leave_one_out_holds_out_the_last_two_events_of_users_with_three_or_more():
    split = sequences.leave_one_out(LOG)
    assert split.train.tolist() == [[0, 3], [5, 7], [7, 8]]
    assert ITEMS[split.valid[:, 1]].tolist() == [13, 31]
    assert ITEMS[split.test[:, 1]].tolist() == [14, 32]
    assert split.test.tolist() == [[0, 4], [7, 9]]


def test_a_split_in_time_learns_nothing_from_after_the_first_point():
    time = np.array([0.0, 1, 2, 8.5, 9.5, 3, 9.7, 8.2, 8.4, 9.9])
    first, second = np.quantile(time, [0.5, 0.7])
    split = sequences.at_time(LOG, time, valid_from=0.5, test_from=0.7)
    inside = sequences.covered(split.train, 10)
    assert inside.any() and time[inside].max() < first
    assert all(first <= time[stop] < second for _, stop in split.valid)
    assert all(time[stop] >= second for _, stop in split.test)
    for start, stop in split.test:
        assert (time[start:stop] < second).all()
        assert stop > start
    assert ITEMS[split.test[:, 1]].tolist() == [14, 21, 32]


def test_every_event_but_a_users_first_is_a_target_exactly_once():
    spans = np.array([[0, 5], [5, 7], [7, 10]])
    for longest in (1, 2, 3, 100):
        cut = sequences.windows(spans, longest)
        targets = [at for start, stop in cut for at in range(start + 1, stop)]
        assert sorted(targets) == [1, 2, 3, 4, 6, 8, 9]
        assert max(stop - start - 1 for start, stop in cut) <= longest


def test_a_user_with_one_event_gives_no_window():
    assert len(sequences.windows(np.array([[0, 1], [1, 1]]), 5)) == 0


def test_padding_is_on_the_right():
    padded = sequences.pad(ITEMS, np.array([[5, 7], [0, 4]]))
    assert padded.tolist() == [[20, 21, 0, 0], [10, 11, 12, 13]]


def test_latest_keeps_the_end_of_a_history():
    assert sequences.latest(np.array([[0, 5], [5, 7]]), 3).tolist() == [[2, 5], [5, 7]]


def test_blocks_hold_every_span_once_and_grow_in_length():
    rng = np.random.default_rng(0)
    start = rng.integers(0, 100, 50)
    spans = np.stack([start, start + rng.integers(1, 200, 50)], axis=1)
    blocks = list(sequences.by_length(spans))
    assert sorted(np.concatenate(blocks)) == list(range(50))
    lengths = [spans[block, 1] - spans[block, 0] for block in blocks]
    assert np.all(np.diff(np.concatenate(lengths)) >= 0)
    sizes = [(len(block), len(block) * block[-1], block.sum()) for block in lengths]
    for users, steps, events in sizes:
        assert users <= sequences.BLOCK
        assert users <= 4 or steps <= sequences.STEPS
        assert users <= 4 or steps - events <= sequences.PADDING
    assert len({users for users, *_ in sizes}) > 2


def test_long_histories_come_in_blocks_of_fewer_users():
    spans = np.array([[0, 201]] * 32)
    assert [len(block) for block in sequences.by_length(spans)] == [12, 12, 8]


def test_short_histories_come_in_blocks_of_many():
    spans = np.array([[0, 5]] * 128)
    assert [len(block) for block in sequences.by_length(spans)] == [sequences.BLOCK] * 2


def test_few_short_spans_make_two_blocks_of_like_size():
    lengths = np.random.default_rng(0).integers(4, 24, 32)
    spans = np.stack([np.zeros(32, int), lengths], axis=1)
    one, other = (lengths[block] for block in sequences.by_length(spans))
    assert len(one) > len(other)
    assert 0.8 < len(one) * one[-1] / (len(other) * other[-1]) < 1.25


def test_two_spans_make_one_block():
    assert [b.tolist() for b in sequences.by_length(np.array([[0, 5], [5, 7]]))] == [[1, 0]]


def test_a_small_log_is_validated_on_everybody():
    spans = np.tile([0, 5], (1500, 1))
    assert sequences.for_validation(spans, np.array([[0, 6]]), 10**6, seed=0) is spans


def test_a_log_of_many_items_is_validated_on_the_same_sample_in_every_run():
    spans = np.arange(20_000)[:, None] + [0, 5]
    windows = np.tile([0, 11], (10_000, 1))
    one, again = (sequences.for_validation(spans, windows, 5_000, seed=0) for _ in range(2))
    assert len(one) == 10_000  # a hundred thousand events, 500 items ranked for each
    assert np.array_equal(one, again)
    assert len(np.unique(one[:, 0])) == len(one)
    assert len(sequences.for_validation(spans, windows, 10**6, seed=0)) == sequences.FEWEST
    assert not np.array_equal(one, sequences.for_validation(spans, windows, 5_000, seed=1))
