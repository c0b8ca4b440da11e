"""What is shown of results: tables, pictures, pages, and how far long work is."""
