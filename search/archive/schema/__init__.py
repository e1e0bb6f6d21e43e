"""The tables of the archive, the engines that reach them, and the migrations between their versions."""
