"""The place between two threads."""

import threading

from leadline.streaming.slot import Slot


def test_the_newest_wins():
    slot = Slot[int](keep_all=False)
    assert [slot.put(item) for item in (1, 2, 3)] == [True, False, False]
    assert (slot.take(), slot.replaced) == (3, 2)
    assert slot.take(0.01) is None


def test_none_is_lost():
    slot = Slot[int](keep_all=True)
    taken = []

    def work():
        for item in range(50):
            slot.put(item)
        slot.end()

    thread = threading.Thread(target=work)
    thread.start()
    while (item := slot.take()) is not None:
        taken.append(item)
    thread.join()
    assert (taken, slot.replaced, slot.over) == (list(range(50)), 0, True)


def test_what_is_there_outlives_the_end():
    slot = Slot[int](keep_all=False)
    slot.put(1)
    slot.end()
    assert not slot.over
    assert slot.take() == 1
    assert slot.over


def test_closing_ends_waiting():
    slot = Slot[int](keep_all=True)
    slot.put(1)
    thread = threading.Thread(target=slot.put, args=(2,))
    thread.start()
    slot.close()
    thread.join(5.0)
    assert not thread.is_alive()
    assert slot.take() is None
