"""The record: what is signed of each message, which comes next, the tree over all, what is kept."""
