"""Is a host ready for its role: chain, account, store, machine, each with what to try."""
