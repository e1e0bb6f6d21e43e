"""One LIV class: its digits, the tables of legal digits, and the rules about digits that must fit each other."""
