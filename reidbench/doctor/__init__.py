"""Whether an installation, a machine and a folder of records can be relied on, and what to do where not."""
