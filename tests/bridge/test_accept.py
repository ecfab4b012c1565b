"""The form of an answer, by the `Accept` header."""

import pytest

from cedar_voice_bridge.http.accept import AnswerForm, preferred_form


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", AnswerForm.JSON),
        ("*/*", AnswerForm.JSON),
        ("application/json, text/plain, */*", AnswerForm.JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", AnswerForm.JSON),
        ("audio/*", AnswerForm.AUDIO),
        ("audio/mpeg, application/json;q=0.5", AnswerForm.AUDIO),
        ("application/json;q=0.1, text/plain", AnswerForm.TEXT),
        ("audio/mpeg;q=loud", AnswerForm.JSON),
        ("image/png", AnswerForm.JSON),
        (";;,,=", AnswerForm.JSON),
    ],
)
def test_the_preferred_form(accept: str, form: AnswerForm) -> None:
    assert preferred_form(accept) is form
