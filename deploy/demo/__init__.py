"""The whole network on one machine: broker, hub, nodes, and a scripted case."""
