"""A simulated Act-On: OAuth, lists and contacts, limits, faults, and an inbox for callbacks. See README.md."""
