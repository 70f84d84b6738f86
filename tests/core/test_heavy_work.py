"""So many at once, a few more wait, and the rest of the requests is refused at once."""

from contextlib import contextmanager
from threading import Event, Thread

import pytest

from app.core.heavy_work import Asker, Busy, Places, asker


@pytest.fixture
def asked():
    token = asker.set(Asker.KNOWN)
    yield
    asker.reset(token)


@contextmanager
def held(places: Places, count: int, who: Asker = Asker.KNOWN):
    """Places taken by ``count`` requests, of which the last wait; they end when the block does. Yields how many worked."""
    end, worked = Event(), []

    def work() -> None:
        asker.set(who)
        with places.taken():
            worked.append(1)
            end.wait()

    threads = [Thread(target=work) for _request in range(count)]
    for thread in threads:
        thread.start()
    while count == places.threads and places._present[who].acquire(blocking=False):  # until the last one is there
        places._present[who].release()
    while not worked:
        pass
    yield worked
    end.set()
    for thread in threads:
        thread.join()


def test_the_surplus_is_refused_while_all_places_are_taken_and_served_afterwards(asked):
    places = Places(1, waiting=2)
    with held(places, 3) as worked:
        with pytest.raises(Busy) as refused, places.taken():
            pass
        assert len(worked) == 1
    assert (refused.value.status, refused.value.retry_after) == (503, 5)
    assert len(worked) == 3  # those who waited had their turn
    with places.taken():
        pass


def test_strangers_keep_nobody_out_who_is_known(asked):
    places = Places(1, waiting=2)
    with held(places, 3, Asker.STRANGER), places.taken():
        pass


def test_who_has_a_place_needs_no_other(asked):
    places = Places(1, waiting=0)
    with places.taken(), places.taken():
        pass
    with places.taken():  # and it was given back once
        pass


def test_kinds_do_not_wait_for_each_other(asked):
    one, other = Places(1, waiting=0), Places(1, waiting=0)
    with held(one, 1), other.taken():
        pass


def test_a_failure_gives_its_place_back(asked):
    places = Places(1, waiting=0)
    for _failure in range(2):
        with pytest.raises(ZeroDivisionError), places.taken():
            raise ZeroDivisionError


def test_jobs_and_commands_are_never_refused():
    places = Places(1, waiting=0)
    done = Event()
    with held(places, 1):
        job = Thread(target=places.taken()(done.set))
        job.start()
        assert not done.is_set()
    job.join()
    assert done.is_set()
