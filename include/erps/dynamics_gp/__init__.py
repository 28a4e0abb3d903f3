"""Microsoft Dynamics GP: general ledger journals by SOAP Web Services or by a Service Based Architecture (SBA) service."""
