"""The models: embedded weights with their cards, and names."""
