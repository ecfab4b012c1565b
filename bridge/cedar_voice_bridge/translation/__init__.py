"""Translation between the JSON of browsers and the contract, as far as dialects share it. Pure."""
