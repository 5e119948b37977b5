"""Pages about the tables: what each holds, where it comes from, how fresh and sound it is."""
