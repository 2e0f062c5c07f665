"""Content-addressed bytes, behind one interface."""
