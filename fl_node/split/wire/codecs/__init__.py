"""Codecs: how a tensor that crosses the cut is written on the wire."""
