"""Calls begun together, each in a thread of its own."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

Given, Result = TypeVar("Given"), TypeVar("Result")


def at_once(call: Callable[[Given], Result], each: Iterable[Given]) -> list[Result]:
    """``call`` of each, begun at the same moment; the results in order."""
    given = list(each)
    barrier = Barrier(len(given))

    def run(one: Given) -> Result:
        barrier.wait(20)
        return call(one)

    with ThreadPoolExecutor(len(given)) as pool:
        return list(pool.map(run, given))
