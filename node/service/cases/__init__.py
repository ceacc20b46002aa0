"""The course of a case: strands, managers, what is known of the person, notes, links, its end."""
