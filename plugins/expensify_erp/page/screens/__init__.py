"""The page's screens, one module each."""
