"""Other programs: runs as one CSV table, or in an MLflow store."""
