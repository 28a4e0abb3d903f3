"""The flow back: employees, GL codes and cost centres of the ERP into Expensify. A difference first, then the change."""
