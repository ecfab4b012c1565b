"""Seeds that have failed, and what they found."""

REGRESSIONS = {
    22: "the clock's milliseconds fell short of a deadline that a timer had met",
    549: "an answer that was cut just before the service died never got its end",
    670: "a typed text counted as settled before its client was told of its turn",
    684: "two actions had one id, one from before the service died and one from after",
    145: "the last audio of an interrupted answer kept its sound",
    11: "audio of an answer that was over for the service was not purged for a client that lagged",
}
