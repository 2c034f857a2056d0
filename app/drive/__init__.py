"""One drive: building it from settings, running it, commanding it from other threads, and its status. No widgets."""
