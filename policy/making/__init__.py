"""Makes policies of vision-language models and codebooks of driving. What drives and is trained is in `policy.vla`."""
