"""What would stop a tenant's reports, asked before anything is claimed or posted. Nothing here writes anywhere."""
