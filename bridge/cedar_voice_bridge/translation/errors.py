"""Errors in what a browser sends."""

import cedar_voice.v1 as pb


class DialectError(Exception):
    """A frame or form field that cannot be translated; the connection stays open.

    Args:
        message: English text for people.
        code: error code for programs.
        field: path of the offending field in the frame, such as "settings.rate"; empty without one.
    """

    def __init__(
        self,
        message: str,
        *,
        code: "pb.ErrorCode.ValueType" = pb.ERROR_CODE_INVALID_MESSAGE,
        field: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field


def code_name(code: "pb.ErrorCode.ValueType") -> str:
    """Return the name of an error code as browsers receive it, such as "invalid_message"."""
    if code not in pb.ErrorCode.values():  # from a service with a newer contract
        code = pb.ERROR_CODE_UNSPECIFIED
    return pb.ErrorCode.Name(code).removeprefix("ERROR_CODE_").lower()
