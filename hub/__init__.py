"""The operators' side: registry host, admission to the broker, mailboxes. Blind by construction."""
