"""The pages on which people prove who they are on GitHub, and which installations are theirs.

A link from Slack leads to a page of ours, that to GitHub, and GitHub back to `/github/callback`. Each step is
good for one time and ten minutes, and from the first page on in one browser.
"""
