"""Recipes that build each kind of layer from locked files."""
