"""Seeds that have failed, each with the defect it found."""

REGRESSIONS = {
    22: "the clock's milliseconds fell short of a deadline that a timer had met",
    549: "an answer that was cut just before the service died never got its end",
    670: "a typed text counted as durable before its client was notified of its turn",
    684: "two actions had one id, one from before the service died and one from after",
    145: "the last audio message of an interrupted answer kept its data",
    11: "audio of an answer that was complete for the service was not purged for a slow client",
}
