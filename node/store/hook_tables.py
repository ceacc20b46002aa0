"""Tables of webhooks and of requests that are done once."""
