"""The form of an answer that a client prefers, by its `Accept` header. Pure."""

from enum import Enum


class AnswerForm(Enum):
    """The forms of a whole answer, in order of preference."""

    JSON = "application/json"
    AUDIO = "audio/mpeg"
    TEXT = "text/plain"


def preferred_form(accept: str) -> AnswerForm:
    """Return the form that an `Accept` header prefers; JSON for a client without a preference."""
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    if not ranges:
        return AnswerForm.JSON
    return max(AnswerForm, key=lambda form: max(_fit(form, *each) for each in ranges))


def _range(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 0.0
    return media_range, quality


def _fit(form: AnswerForm, media_range: str, quality: float) -> float:
    kind = form.value.partition("/")[0]
    return quality if media_range in (form.value, f"{kind}/*", "*/*") else 0.0
