"""From what the user asks to locked files: archives and indexes asked, back ends run. The only phase that does."""
