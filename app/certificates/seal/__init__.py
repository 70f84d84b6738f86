"""The electronic seal: who sets it (``provider``, ``authority``), how it gets into a paper, and how it is checked again."""
