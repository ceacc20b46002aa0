"""Tables of items that somebody has to look after, of duty and notices."""
