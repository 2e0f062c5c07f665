"""Nodes come and go: funds and registration on the chain, folders and votes of a network."""
