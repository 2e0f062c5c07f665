"""The audit of split learning: chain, records and disclosed folders, checked and recomputed."""
