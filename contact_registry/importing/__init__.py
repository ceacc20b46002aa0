"""Getting existing contact lists into the registry, with a finding for everything imperfect."""
