"""An agent's own folder: the agent, and a module called like one of the runner's."""
