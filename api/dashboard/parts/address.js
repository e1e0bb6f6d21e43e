// The selection and the axes in the page's address, so that a link shows the same view.

/** The parameters of the address by name. */
export function readAddress() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/** Change some parameters; null removes one. */
export function writeAddress(changes) {
  const parameters = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(name);
    else parameters.set(name, value);
  }
  const query = parameters.toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}
