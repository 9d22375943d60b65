"""Training: recipes, data sets, the trainer process and its run directories."""
