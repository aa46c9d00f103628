"""An application that does nothing but answer."""
