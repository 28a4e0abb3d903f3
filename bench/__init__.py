"""Speed and cost, each measured beside what somebody would use instead: `make bench`."""
