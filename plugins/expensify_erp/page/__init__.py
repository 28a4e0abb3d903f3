"""The ledger page: what finance sees, inside Airflow's own UI and behind its own doors."""
