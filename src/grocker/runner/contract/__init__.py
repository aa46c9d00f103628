"""What the image contract fixes: names, the values of ``image.json``, their codec. The builder imports it too."""
