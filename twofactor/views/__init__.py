"""The pages: each reads the clock once, makes one call and says what came of it."""
