"""What is wrong with a frame of a browser."""

import cedar_voice.v1 as pb


class DialectError(Exception):
    """A frame that cannot be understood; the connection lives.

    Args:
        message: for people, in English.
        code: for programs.
        field: path of the offending field in the frame, such as "settings.rate"; empty when none.
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
    """The name of an error code as browsers are told it, such as "invalid_message"."""
    if code not in pb.ErrorCode.values():  # of a service that knows more codes
        code = pb.ERROR_CODE_UNSPECIFIED
    return pb.ErrorCode.Name(code).removeprefix("ERROR_CODE_").lower()
