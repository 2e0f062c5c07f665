"""The federation contract, behind one interface."""
