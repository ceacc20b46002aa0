"""One Participant's side: cases, people, outbox and inbox. Plaintext lives only here."""
