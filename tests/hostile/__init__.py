"""Servers that mean harm, or are broken beyond anything a contract says, against every client of this package."""
