"""The wire: which tensors may cross, in which form, and how many bytes that makes."""
