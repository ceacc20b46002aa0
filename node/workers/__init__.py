"""Background tasks: relay, consumer, registry refresh, and what watches over them."""
