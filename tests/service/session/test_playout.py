"""Playout: a bounded lead over playback, and what was heard at any moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.answer_parts import SpokenChunk
from cedar_voice_service.session.pacing import on_beat
from cedar_voice_service.session.response.playout import (
    MAX_BUNCH_MS,
    MAX_LATENESS_MS,
    SHORTEST_BUNCH_MS,
    Playout,
    room_ms,
)


def chunks(*durations_ms: int, text: str = "") -> list[SpokenChunk]:
    offset_ms = 0
    made = []
    for duration_ms in durations_ms:
        made.append(SpokenChunk(b"x", offset_ms, duration_ms, text))
        offset_ms += duration_ms
    return made


def handed_out(playout: Playout, durations_ms: list[int], step_ms: int) -> int:
    """Lets time pass until all of it went out; how far ahead of playback it ever was."""
    for chunk in chunks(*durations_ms):
        playout.add(chunk)
    now_ms, furthest_ms = 1_000, 0
    sent: list[SpokenChunk] = []
    while not playout.is_drained:
        sent += playout.pop_due(now_ms)
        furthest_ms = max(furthest_ms, playout.ends_at_ms - now_ms)
        now_ms += step_ms
    assert [chunk.duration_ms for chunk in sent] == durations_ms
    assert playout.heard_ms(playout.ends_at_ms) == sum(durations_ms)
    return furthest_ms


@given(st.data(), st.integers(1, 2_000), st.integers(1, 90))
def test_audio_is_no_further_ahead_than_the_lead(
    data: st.DataObject, lead_ms: int, step_ms: int
) -> None:
    durations_ms = data.draw(st.lists(st.integers(1, room_ms(lead_ms)), min_size=1, max_size=60))
    assert handed_out(Playout(lead_ms), durations_ms, step_ms) <= lead_ms


@given(
    st.lists(st.integers(1, 6_000), min_size=1, max_size=30),
    st.integers(0, 1_500),
    st.integers(1, 90),
)
def test_what_cannot_be_cut_comes_when_no_more_is_left_than_is_kept(
    durations_ms: list[int], lead_ms: int, step_ms: int
) -> None:
    furthest_ms = handed_out(Playout(lead_ms), durations_ms, step_ms)
    assert furthest_ms <= max(lead_ms, lead_ms - room_ms(lead_ms) + max(durations_ms))


@pytest.mark.parametrize(
    ("lead_ms", "longest_ms"),
    [(0, 0), (50, 50), (120, 120), (300, 120), (1_000, 550), (2_000, MAX_BUNCH_MS)],
)
def test_a_short_lead_leaves_room_for_short_chunks(lead_ms: int, longest_ms: int) -> None:
    assert room_ms(lead_ms) == longest_ms


def test_without_a_lead_a_chunk_goes_out_when_the_one_before_has_been_played() -> None:
    playout = Playout(0)
    for chunk in chunks(500, 300):
        playout.add(chunk)
    assert len(playout.pop_due(100)) == 1
    assert playout.next_at_ms == 600
    assert playout.pop_due(599) == []
    assert len(playout.pop_due(600)) == 1


def test_heard_grows_with_the_clock_and_stops_at_what_was_sent() -> None:
    playout = Playout(1_000)
    for chunk in chunks(400, 400):
        playout.add(chunk)
    playout.pop_due(0)
    assert [playout.heard_ms(now_ms) for now_ms in (0, 250, 800, 5_000)] == [0, 250, 800, 800]


def test_the_text_heard_ends_at_a_word() -> None:
    playout = Playout(10_000)
    playout.add(SpokenChunk(b"x", 0, 1_000, "One two three."))
    playout.add(SpokenChunk(b"x", 1_000, 1_000, "Four five six."))
    playout.add(SpokenChunk(b"x", 2_000, 1_000))
    playout.pop_due(0)
    assert playout.heard_text(0) == ""
    assert playout.heard_text(1_000) == "One two three."
    assert playout.heard_text(2_000) == "One two three. Four"
    assert playout.heard_text(3_000) == "One two three. Four five six."


def test_the_text_heard_in_a_script_without_spaces_ends_at_a_character() -> None:
    playout = Playout(10_000)
    playout.add(SpokenChunk(b"x", 0, 10_000, "今天天气很好，我们一"))
    playout.add(SpokenChunk(b"x", 10_000, 1_000, "然后吃饭。"))
    playout.pop_due(0)
    playout.pop_due(10_000)
    assert playout.heard_text(9_000) == "今天天气很好，我们"
    assert playout.heard_text(10_400) == "今天天气很好，我们一然后"


@pytest.mark.parametrize("lead_ms", [300 + SHORTEST_BUNCH_MS, 600, 1_000, 2_000])
@given(data=st.data(), stalls_ms=st.lists(st.integers(1, 300), min_size=1))
def test_a_server_that_stalls_for_300_ms_is_not_heard(
    lead_ms: int, data: st.DataObject, stalls_ms: list[int]
) -> None:
    lengths_ms = st.integers(20, room_ms(lead_ms))
    durations_ms = data.draw(st.lists(lengths_ms, min_size=5, max_size=60))
    playout = Playout(lead_ms)
    for chunk in chunks(*durations_ms):
        playout.add(chunk)
    now_ms, buffered_until_ms = 0, 0
    for turn in range(10_000):
        due = playout.pop_due(now_ms)
        assert not due or turn == 0 or buffered_until_ms >= now_ms, "the player ran dry"
        for chunk in due:
            buffered_until_ms = max(now_ms, buffered_until_ms) + chunk.duration_ms
        if (next_at_ms := playout.next_at_ms) is None:
            break
        now_ms = max(now_ms, next_at_ms) + stalls_ms[turn % len(stalls_ms)]
    assert playout.sent_ms == sum(durations_ms)


@pytest.mark.parametrize(("lead_ms", "waits_for_a_beat"), [(1_000, True), (500, False)])
def test_a_long_lead_waits_for_a_beat_and_a_short_one_does_not(
    lead_ms: int, waits_for_a_beat: bool
) -> None:
    playout = Playout(lead_ms)
    for chunk in chunks(*[110] * 20):
        playout.add(chunk)
    playout.pop_due(7)
    due_ms = playout.ends_at_ms - (lead_ms - room_ms(lead_ms))
    assert on_beat(due_ms) != due_ms
    assert playout.next_at_ms == (on_beat(due_ms) if waits_for_a_beat else due_ms)


def test_what_a_client_reports_moves_the_clock_of_playback() -> None:
    playout = Playout(0)
    for chunk in chunks(500, 500):
        playout.add(chunk)
    playout.pop_due(0)
    playout.report(100, 400)  # it began 300 ms later than it was sent
    assert playout.heard_ms(600) == 300
    assert playout.next_at_ms == 800


@pytest.mark.parametrize("reported_at_ms", [None, 401, 1_000, 2_300])
def test_a_hold_is_counted_once_whatever_is_reported_in_it(reported_at_ms: int | None) -> None:
    playout = Playout(1_000)
    for chunk in chunks(*[120] * 40):
        playout.add(chunk)
    playout.pop_due(0)
    playout.hold(400, pauses=True)
    if reported_at_ms is not None:
        playout.report(400, reported_at_ms)
    assert playout.heard_ms(2_350) == 400
    playout.release(2_400)
    assert playout.ends_at_ms == 2_400 + playout.sent_ms - 400
    assert playout.heard_ms(2_500) == 500


def test_a_player_that_has_not_paused_yet_tells_how_far_it_went() -> None:
    playout = Playout(1_000)
    playout.add(*chunks(900))
    playout.pop_due(0)
    playout.hold(400, pauses=True)
    playout.report(450, 500)
    playout.release(2_000)
    assert playout.heard_ms(2_000) == 450


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 2_000)), max_size=300))
def test_no_reports_keep_a_player_waiting_for_ever(reports: list[tuple[int, int]]) -> None:
    playout = Playout(1_000)
    for chunk in chunks(*[400] * 10):
        playout.add(chunk)
    now_ms = 0
    playout.pop_due(now_ms)
    for played_ms, later_ms in reports:
        now_ms += later_ms
        playout.report(played_ms, now_ms)
        playout.pop_due(now_ms)
    latest_ms = now_ms + 4_000 + MAX_LATENESS_MS
    while (next_at_ms := playout.next_at_ms) is not None and now_ms <= latest_ms:
        now_ms = max(now_ms, next_at_ms)
        playout.report(0, now_ms)
        playout.pop_due(now_ms)
    assert playout.ends_at_ms <= latest_ms


def test_nothing_is_handed_out_while_it_is_held() -> None:
    playout = Playout(0)
    for chunk in chunks(500, 500):
        playout.add(chunk)
    playout.pop_due(0)
    playout.hold(200, pauses=True)
    assert (playout.pop_due(2_000), playout.next_at_ms) == ([], None)
    playout.release(2_200)
    assert (playout.heard_ms(2_200), playout.next_at_ms) == (200, 2_500)


def test_with_a_long_lead_the_parts_of_a_file_go_out_in_bunches() -> None:
    playout = Playout(1_000)
    playout.add(SpokenChunk(b"1", 0, 200, "One two."))
    for number in range(2, 9):
        continues = SpokenChunk(b"%d" % number, 200 * number - 200, 200, continues=True)
        playout.add(continues)
    (first,) = playout.pop_due(0)
    assert (first.data, first.duration_ms, first.text) == (b"12345", 1_000, "One two.")
    assert playout.next_at_ms == MAX_BUNCH_MS
    assert playout.pop_due(MAX_BUNCH_MS - 1) == []
    (second,) = playout.pop_due(MAX_BUNCH_MS)
    assert (second.data, second.offset_ms, second.duration_ms) == (b"678", 1_000, 600)
    assert playout.heard_text(1_600) == "One two."


def test_what_begins_a_phrase_or_a_file_is_a_chunk_of_its_own() -> None:
    playout = Playout(1_000)
    playout.add(SpokenChunk(b"1", 0, 100, "One.", continues=True))
    playout.add(SpokenChunk(b"2", 100, 100, "Two.", continues=True))
    playout.add(SpokenChunk(b"3", 200, 100))
    playout.add(SpokenChunk(b"4", 300, 100, continues=True))
    assert [chunk.data for chunk in playout.pop_due(0)] == [b"1", b"2", b"34"]
