"""Tests of what times training steps."""

import pytest

from tools import step_time


@pytest.mark.weekly
def test_steps_are_timed_in_another_process():
    ((epochs, seconds, memory),) = step_time.measure(["student_lite0_128"], 2, 32, rounds=2)
    assert epochs == 8
    assert len(seconds) == 2 and min(seconds) > 0
    assert 1e8 < memory < 1e10  # bytes, not kilobytes
