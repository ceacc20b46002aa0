"""Who did what at the hub: a log that is only added to, each entry bound to the one before."""
