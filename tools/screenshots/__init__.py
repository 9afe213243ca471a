"""Takes the pictures of the live web view that the pages show."""
