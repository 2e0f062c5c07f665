"""The channel: announced keys and certificates, TLS 1.3, streams that break and come back."""
