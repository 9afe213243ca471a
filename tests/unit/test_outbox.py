import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_fer.mqtt.messages import Message
from edge_fer.mqtt.outbox import Outbox, OutboxLimits


def message(number: int) -> Message:
    return Message("t", str(number).encode(), 1, False)


def fill(outbox: Outbox, count: int) -> None:
    for number in range(count):
        outbox.put(message(number))


def taken(outbox: Outbox, window: int = 100) -> list[int]:
    return [int(item.payload) for _, item in outbox.take(window)]


def test_messages_come_out_in_the_order_they_went_in() -> None:
    outbox = Outbox(OutboxLimits(rows=10))
    fill(outbox, 3)
    assert [0, 1, 2] == taken(outbox)


def test_over_the_bound_the_oldest_is_dropped_and_counted() -> None:
    outbox = Outbox(OutboxLimits(rows=3))
    fill(outbox, 5)
    assert [2, 3, 4] == taken(outbox)
    assert 2 == outbox.counters()["dropped_full"]


def test_a_message_on_its_way_is_not_dropped_while_another_can_be() -> None:
    outbox = Outbox(OutboxLimits(rows=3))
    fill(outbox, 2)
    assert [0, 1] == taken(outbox)
    fill(outbox, 2)
    (key, _), *_ = outbox.take(3)
    outbox.ack(key)
    told = {name: count for name, count in outbox.counters().items() if count}
    assert {"queued": 4, "sent": 3, "acked": 1, "dropped_full": 1} == told


def test_no_more_than_the_window_is_on_its_way() -> None:
    outbox = Outbox(OutboxLimits(rows=10))
    fill(outbox, 5)
    (first, _), _ = outbox.take(2)
    assert [] == taken(outbox, 2)
    outbox.ack(first)
    assert [2] == taken(outbox, 2)


def test_after_a_requeue_what_was_in_flight_comes_first_again() -> None:
    outbox = Outbox(OutboxLimits(rows=10))
    fill(outbox, 4)
    assert [0, 1] == taken(outbox, 2)
    outbox.requeue()
    assert [0, 1, 2, 3] == taken(outbox)


def test_a_receipt_counts_once_and_an_unknown_one_not_at_all() -> None:
    outbox = Outbox(OutboxLimits(rows=10))
    fill(outbox, 1)
    ((key, _),) = outbox.take(1)
    outbox.ack(key)
    outbox.ack(key)
    outbox.ack(12345)
    assert 1 == outbox.counters()["acked"]


def test_waiting_ends_with_the_last_receipt() -> None:
    outbox = Outbox(OutboxLimits(rows=10))
    assert outbox.wait_empty(0)
    fill(outbox, 1)
    assert not outbox.wait_empty(0)
    ((key, _),) = outbox.take(1)
    threading.Timer(0.01, outbox.ack, [key]).start()
    assert outbox.wait_empty(5)


@settings(deadline=None)
@given(
    limit=st.integers(1, 6),
    steps=st.lists(st.sampled_from(["put", "take", "ack", "requeue"]), max_size=60),
)
def test_every_message_is_waiting_acked_or_counted_as_dropped(limit: int, steps: list[str]) -> None:
    outbox = Outbox(OutboxLimits(rows=limit))
    on_way: list[int] = []
    made = 0
    for step in steps:
        if step == "put":
            made += 1
            outbox.put(message(made))
        elif step == "take":
            batch = outbox.take(3)
            numbers = [int(item.payload) for _, item in batch]
            assert sorted(numbers) == numbers
            on_way += [key for key, _ in batch]
        elif step == "ack" and on_way:
            outbox.ack(on_way.pop(0))
        else:
            outbox.requeue()
        counters = outbox.counters()
        assert made == counters["queued"]
        assert made == counters["acked"] + counters["dropped_full"] + len(outbox)
        assert len(outbox) <= limit


def test_many_threads_lose_nothing() -> None:
    outbox = Outbox(OutboxLimits(rows=10_000))
    threads = [threading.Thread(target=fill, args=(outbox, 500)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 4000 == len(taken(outbox, 10_000))
