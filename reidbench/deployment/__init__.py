"""Trained networks as files and as what runs them: what a deployment pays, and what it loses, against eager torch."""
