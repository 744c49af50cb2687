"""Making servers out of what web frameworks and web servers give."""
