"""A large tenant, and many tenants at once: `make e2e-load`."""
