"""Contact lists that operators bring in: kept, mapped, tried out, and made into drafts."""
