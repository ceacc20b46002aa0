"""Pages of a change to the directory, corrections and agreements: for node and hub alike."""
