"""One tree of migrations for both databases; applied by `syncline migrate` (storage.migration)."""
