// What is selected and which axes are shown, in the page's address: a link shows the same.

/** The parameters of the address by name. */
export function readAddress() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/** Change some parameters; null takes one out. */
export function writeAddress(changes) {
  const parameters = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  }
  const query = parameters.toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}
