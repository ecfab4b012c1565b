"""Almost valid inputs: valid ones with bytes changed, removed, doubled or inserted."""

from collections.abc import Sequence

from hypothesis import strategies as st

INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
MAX_BYTES = 64 << 10


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """Draw a seed with one to eight mutations, mostly near its start, where headers are."""
    data = bytearray(draw(st.sampled_from(seeds)))
    reach = draw(st.sampled_from([60, 1_000, max(1, len(data))]))
    for _ in range(draw(st.integers(1, 8))):
        if not data:
            break
        at = draw(st.integers(0, min(reach, len(data)) - 1))
        match draw(st.sampled_from(["byte", "size", "remove", "double", "insert", "splice"])):
            case "byte":
                data[at] = draw(st.integers(0, 255))
            case "size":
                data[at : at + 4] = bytes([draw(st.sampled_from(INTERESTING))]) * 4
            case "remove":
                del data[at : at + draw(st.integers(1, 2_000))]
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 2_000))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=40))
            case _:
                other = draw(st.sampled_from(seeds))
                data[at:] = other[draw(st.integers(0, len(other))) :]
    return bytes(data[:MAX_BYTES])
