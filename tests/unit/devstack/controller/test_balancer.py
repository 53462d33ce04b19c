"""Placement by memory over healthy invokers."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from devstack.controller.balancer import Balancer, Placement
from devstack.controller.pings import Ping


def _invokers(count: int, memory_mb: int = 1024) -> list[Ping]:
    return [Ping(number, None, None, memory_mb, (), True) for number in range(count)]


def _place(
    balancer: Balancer, invokers: list[Ping], action: str = "ns/a", **sizes: int
) -> Placement:
    placement = balancer.place(
        action, sizes.get("memory_mb", 256), sizes.get("concurrency", 1), invokers
    )
    assert placement is not None
    return placement


def test_nobody_healthy_nowhere_to_go() -> None:
    assert Balancer().place("ns/a", 256, 1, []) is None


def test_an_action_stays_at_its_home_while_there_is_room() -> None:
    balancer, invokers = Balancer(), _invokers(5)
    homes = {_place(balancer, invokers).instance for _ in range(4)}
    assert len(homes) == 1
    assert _place(balancer, invokers).instance not in homes


def test_every_invoker_is_filled_before_one_is_overloaded() -> None:
    balancer, invokers = Balancer(random.Random(1)), _invokers(6)
    placements = [_place(balancer, invokers) for _ in range(24)]
    assert not any(item.overloaded for item in placements)
    assert [balancer.used_mb(number) for number in range(6)] == [1024] * 6
    assert _place(balancer, invokers).overloaded


def test_actions_have_different_homes() -> None:
    invokers = _invokers(7)
    homes = {_place(Balancer(), invokers, f"ns/action{number}").instance for number in range(60)}
    assert homes == set(range(7))


def test_concurrent_activations_share_a_container_s_memory() -> None:
    balancer, invokers = Balancer(), _invokers(1)
    placements = [_place(balancer, invokers, concurrency=5) for _ in range(6)]
    assert balancer.used_mb(0) == 512
    for placement in placements:
        balancer.release(placement)
    assert balancer.used_mb(0) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from([128, 256, 512]),
            st.integers(1, 3),
            st.booleans(),
        ),
        max_size=80,
    )
)
def test_memory_is_given_back_and_never_exceeded_without_saying_so(
    events: list[tuple[str, int, int, bool]],
) -> None:
    balancer, invokers = Balancer(random.Random(0)), _invokers(3)
    held: list[Placement] = []
    for action, memory_mb, concurrency, release in events:
        if release and held:
            balancer.release(held.pop(0))
            continue
        placement = _place(balancer, invokers, action, memory_mb=memory_mb, concurrency=concurrency)
        held.append(placement)
        if not any(item.overloaded for item in held):
            assert balancer.used_mb(placement.instance) <= 1024
    for placement in held:
        balancer.release(placement)
    assert [balancer.used_mb(number) for number in range(3)] == [0, 0, 0]
