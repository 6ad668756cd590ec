"""Read CSV files in the formats that people use, and name the line of each error."""
