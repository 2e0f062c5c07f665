"""Split learning: two parties train one model, and every step is recorded."""
