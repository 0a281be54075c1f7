"""The HTML pages: templates, their style, and how they are filled.

They lie in a folder of their own because all templates of a package count as code of whatever
imports from it.
"""
