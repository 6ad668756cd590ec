"""The verdict as people read it: text, tables for a paper, pictures and the HTML report."""
