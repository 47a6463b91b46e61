"""From a raw behaviour log to clean sequences (article §3.2.1, §9.3)."""
