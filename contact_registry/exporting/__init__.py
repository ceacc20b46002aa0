"""Getting the registry out: as data, as tables, as contact cards, and as a list to print."""
