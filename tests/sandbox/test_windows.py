from hypothesis import given
from hypothesis import strategies as st

from sandbox.windows import most_in_any_window, with_call

MOMENTS = st.lists(st.integers(0, 4_000), max_size=30)


def _by_trying_every_window(moments: list[int], width: int) -> int:
    return max((sum(start <= moment < start + width for moment in moments) for start in moments), default=0)


@given(MOMENTS, st.integers(1, 2_000))
def test_busiest_window_is_found(moments: list[int], width: int) -> None:
    assert most_in_any_window(moments, width) == _by_trying_every_window(moments, width)


@given(MOMENTS, st.integers(1, 6))
def test_calls_let_through_in_any_order_never_exceed_the_limit_and_none_is_refused_in_vain(
    arrivals: list[int], limit: int
) -> None:
    let_through: list[int] = []
    for moment in arrivals:
        if with_call(let_through, moment, 1_000) <= limit:
            let_through.append(moment)
        else:
            assert _by_trying_every_window([*let_through, moment], 1_000) > limit
    assert _by_trying_every_window(let_through, 1_000) <= limit


def test_two_calls_a_whole_window_apart_share_none() -> None:
    assert most_in_any_window([0, 1_000], 1_000) == 1
    assert most_in_any_window([0, 999], 1_000) == 2
