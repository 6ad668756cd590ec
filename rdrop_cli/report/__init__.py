"""The verdict in words: text, tables for a paper, pictures and the HTML report."""
