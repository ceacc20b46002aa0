"""What both web faces share, and only that: look, words, sign-in, sessions, and safety of pages."""
