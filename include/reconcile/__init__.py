"""Expensify, the ledger and the ERP compared to the cent. Pure functions over the three sides; nothing here asks anybody."""
