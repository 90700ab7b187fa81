"""The pages on which people prove who they are on GitHub, and which installations are theirs.

A link from Slack leads to a page of ours, that to GitHub, and GitHub back to `/github/callback`. Each step
works once, within ten minutes, and after the first page only in the browser that opened it.
"""
