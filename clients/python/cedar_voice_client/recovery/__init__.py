"""Recovery: a session that survives broken connections and lost servers."""
