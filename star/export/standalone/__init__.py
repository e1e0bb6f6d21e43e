"""The format `standalone`: one Python file that needs torch alone, cut out of the sources of `star` and `genome`."""
