"""Parts of networks in new ones: taken, joined, linked, built; declared in YAML or called from Python."""
