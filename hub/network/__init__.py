"""The network at a glance: nodes, mailboxes, servers, certificates, and what happened to them."""
