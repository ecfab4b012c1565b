"""Frames and bodies of the sample dialect."""

from msgspec import Struct


class Line(Struct, tag="line"):
    """A typed user turn."""

    text: str


class Token(Struct, tag="token"):
    """A token, for browsers that do not put it into the address."""

    token: str


UpFrame = Line | Token


class Reply(Struct, tag="reply"):
    """The whole text of an answer."""

    text: str


class Over(Struct, tag="over"):
    """The turn is over."""


class Problem(Struct, tag="problem"):
    """An error, for people."""

    message: str


DownFrame = Reply | Over | Problem


class Posted(Struct):
    """The turn that a posted line has begun."""

    turn_id: int
