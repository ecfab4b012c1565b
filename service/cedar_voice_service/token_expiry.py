"""The end of a stream whose token expires: the client is notified before, and may renew it."""

import asyncio

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, Stage
from cedar_voice_service.runtime.delivery import Attachment, TokenExpiring
from cedar_voice_shared.credentials import CredentialRefused, Identity, Verifier


class TokenExpiry:
    """Ends a stream when its token expires; the session waits for a stream with a fresh token.

    Use it as a context, for as long as the stream lives.
    """

    def __init__(self, verifier: Verifier, identity: Identity, attachment: Attachment) -> None:
        self._verifier = verifier
        self._identity = identity
        self._attachment = attachment
        self._timers: list[asyncio.TimerHandle] = []

    def __enter__(self) -> "TokenExpiry":
        self._set_timers()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._cancel_timers()

    async def renew(self, token: str) -> None:
        """Continue the stream with a fresh token.

        Raises:
            CallerError: it is invalid, or of another user; the stream continues with its own token.
        """
        if not self._verifier.needs_token:
            return
        try:
            identity = await self._verifier.identify(token)
        except CredentialRefused as refusal:
            raise _refused(str(refusal)) from None
        if identity.principal != self._identity.principal:
            raise _refused("the token is of another user")
        if identity.outlasts(self._identity):
            self._identity = identity
            self._cancel_timers()
            self._set_timers()

    def _set_timers(self) -> None:
        remaining_s = self._verifier.remaining_s(self._identity)
        notice_s = self._verifier.notice_in_s(self._identity)
        if remaining_s is None or notice_s is None:
            return
        loop = asyncio.get_running_loop()
        notice = TokenExpiring(int(1000 * (remaining_s - notice_s)))
        expired = unauthenticated("the token has expired", is_retryable=True)
        self._timers = [
            loop.call_later(notice_s, self._attachment.notify, notice),
            loop.call_later(remaining_s, self._attachment.fail, expired),
        ]

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []


def unauthenticated(message: str, *, is_retryable: bool = False) -> CedarVoiceError:
    """Return the error of a stream without a valid token."""
    return CedarVoiceError(
        message, code=Code.UNAUTHENTICATED, stage=Stage.TRANSPORT, retryable=is_retryable
    )


def _refused(message: str) -> CallerError:
    return CallerError(
        message, code=Code.UNAUTHENTICATED, stage=Stage.TRANSPORT, field="token_renewal.token"
    )
