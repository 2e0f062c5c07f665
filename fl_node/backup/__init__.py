"""One host in one file, and back: keys, chain, store, settings."""
