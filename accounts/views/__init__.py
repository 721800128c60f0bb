"""The pages of this app; each view makes one call and translates what comes of it."""
