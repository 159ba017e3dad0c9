"""Parts of Syncline in a process of their own: what they cost without the rest around them."""
