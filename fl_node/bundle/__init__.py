"""One file that proves what a federation did, with no chain, store or network."""
