"""Stand-ins for the real systems, served over HTTP on loopback, as strict and quirky as those are."""
