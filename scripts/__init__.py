"""What people and tests start by hand: the demo (`run.py`) and the local Airflow both share."""
