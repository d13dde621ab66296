"""The frozen vision-language model: its input, its answers, soft prompts, small twins."""
