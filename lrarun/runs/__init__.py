"""Train one run in its folder: write it, resume it, and judge whether it is stale."""
