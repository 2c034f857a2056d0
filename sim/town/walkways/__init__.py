"""Where walkers may go, and the navigation file that clients read it from; nothing of it is drawn."""
