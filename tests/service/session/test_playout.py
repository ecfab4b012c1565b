"""Playout: a bounded lead over playback, and what was heard at any moment."""

from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.playout import KEPT_LEAD_MS, MAX_BUNCH_MS, Playout, SpokenChunk


def chunks(*durations_ms: int, text: str = "") -> list[SpokenChunk]:
    offset_ms = 0
    made = []
    for duration_ms in durations_ms:
        made.append(SpokenChunk(b"x", offset_ms, duration_ms, text))
        offset_ms += duration_ms
    return made


@given(st.lists(st.integers(1, 400), min_size=1), st.integers(0, 1_000), st.integers(1, 90))
def test_audio_is_no_further_ahead_than_the_lead_unless_a_chunk_is_longer(
    durations_ms: list[int], lead_ms: int, step_ms: int
) -> None:
    playout = Playout(lead_ms)
    for chunk in chunks(*durations_ms):
        playout.add(chunk)
    now_ms = 1_000
    sent: list[SpokenChunk] = []
    while len(sent) < len(durations_ms):
        for chunk in playout.take_due(now_ms):
            refilled_at_ms = max(min(lead_ms, KEPT_LEAD_MS), lead_ms - MAX_BUNCH_MS)
            longest_ms = refilled_at_ms + max(durations_ms)
            assert playout.ends_at_ms - now_ms <= max(lead_ms, longest_ms)
            sent.append(chunk)
        now_ms += step_ms
    assert [chunk.duration_ms for chunk in sent] == durations_ms
    assert playout.heard_ms(playout.ends_at_ms) == sum(durations_ms)


def test_without_a_lead_a_chunk_goes_out_when_the_one_before_has_been_played() -> None:
    playout = Playout(0)
    for chunk in chunks(500, 300):
        playout.add(chunk)
    assert len(playout.take_due(100)) == 1
    assert playout.next_at_ms == 600
    assert playout.take_due(599) == []
    assert len(playout.take_due(600)) == 1


def test_heard_grows_with_the_clock_and_stops_at_what_was_sent() -> None:
    playout = Playout(1_000)
    for chunk in chunks(400, 400):
        playout.add(chunk)
    playout.take_due(0)
    assert [playout.heard_ms(now_ms) for now_ms in (0, 250, 800, 5_000)] == [0, 250, 800, 800]


def test_the_text_heard_ends_at_a_word() -> None:
    playout = Playout(10_000)
    playout.add(SpokenChunk(b"x", 0, 1_000, "One two three."))
    playout.add(SpokenChunk(b"x", 1_000, 1_000, "Four five six."))
    playout.add(SpokenChunk(b"x", 2_000, 1_000))
    playout.take_due(0)
    assert playout.heard_text(0) == ""
    assert playout.heard_text(1_000) == "One two three."
    assert playout.heard_text(2_000) == "One two three. Four"
    assert playout.heard_text(3_000) == "One two three. Four five six."


@given(
    st.lists(st.integers(20, 200), min_size=5, max_size=60),
    st.lists(st.integers(1, 300), min_size=1),
)
def test_a_server_that_stalls_for_less_than_its_lead_is_not_heard(
    durations_ms: list[int], stalls_ms: list[int]
) -> None:
    playout = Playout(max_lead_ms=300)
    for chunk in chunks(*durations_ms):
        playout.add(chunk)
    now_ms, buffered_until_ms = 0, 0
    for turn in range(10_000):
        due = playout.take_due(now_ms)
        assert not due or turn == 0 or buffered_until_ms >= now_ms, "the player ran dry"
        for chunk in due:
            buffered_until_ms = max(now_ms, buffered_until_ms) + chunk.duration_ms
        if (next_at_ms := playout.next_at_ms) is None:
            break
        now_ms = max(now_ms, next_at_ms) + stalls_ms[turn % len(stalls_ms)]
    assert playout.sent_ms == sum(durations_ms)


def test_what_a_client_reports_moves_the_clock_of_playback() -> None:
    playout = Playout(0)
    for chunk in chunks(500, 500):
        playout.add(chunk)
    playout.take_due(0)
    playout.report(100, 400)  # it began 300 ms later than it was sent
    assert playout.heard_ms(600) == 300
    assert playout.next_at_ms == 800


def test_nothing_is_handed_out_while_it_is_held() -> None:
    playout = Playout(0)
    for chunk in chunks(500, 500):
        playout.add(chunk)
    playout.take_due(0)
    playout.hold(200)
    assert (playout.take_due(2_000), playout.next_at_ms) == ([], None)
    playout.release(2_200, was_paused=True)
    assert (playout.heard_ms(2_200), playout.next_at_ms) == (200, 2_500)


def test_with_a_long_lead_the_parts_of_a_file_go_out_in_bunches() -> None:
    playout = Playout(1_000)
    playout.add(SpokenChunk(b"1", 0, 200, "One two."))
    for number in range(2, 9):
        continues = SpokenChunk(b"%d" % number, 200 * number - 200, 200, continues=True)
        playout.add(continues)
    (first,) = playout.take_due(0)
    assert (first.data, first.duration_ms, first.text) == (b"12345", 1_000, "One two.")
    assert playout.next_at_ms == 480
    assert playout.take_due(479) == []
    (second,) = playout.take_due(480)
    assert (second.data, second.offset_ms, second.duration_ms) == (b"67", 1_000, 400)
    assert playout.heard_text(1_400) == "One two."


def test_what_begins_a_phrase_or_a_file_is_a_chunk_of_its_own() -> None:
    playout = Playout(1_000)
    playout.add(SpokenChunk(b"1", 0, 100, "One.", continues=True))
    playout.add(SpokenChunk(b"2", 100, 100, "Two.", continues=True))
    playout.add(SpokenChunk(b"3", 200, 100))
    playout.add(SpokenChunk(b"4", 300, 100, continues=True))
    assert [chunk.data for chunk in playout.take_due(0)] == [b"1", b"2", b"34"]
