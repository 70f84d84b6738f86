"""Who is who, who may do what, and who is signed in."""
