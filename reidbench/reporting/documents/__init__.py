"""A document, and what writes it: Markdown, HTML, LaTeX, PDF. Knows nothing of tables or plans."""
