"""Recipes: how each kind of layer is made from locked files."""
