"""One LIV class: its digits, the choices there are for each, and the rules that say which digits fit together."""
