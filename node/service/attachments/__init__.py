"""Files beside messages: brought in, sent, received, scanned, shown."""
