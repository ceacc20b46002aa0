"""Evidence bundles on disk, and verifying them offline. Never imported by the hub."""
