// A worker that parses an answer in columns, and sends each column by itself, so that no task of the page is long.

addEventListener("message", ({ data: { bytes, names } }) => {
  const { metrics = {}, ...plain } = JSON.parse(new TextDecoder().decode(bytes));
  for (const name of names ?? Object.keys(plain)) postMessage({ name, values: plain[name] });
  for (const [metric, values] of Object.entries(metrics)) postMessage({ metric, values });
  postMessage({ end: true });
});
