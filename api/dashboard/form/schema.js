// The limits of a field in the plan's JSON schema, and the check of typed numbers against them.

/**
 * The schema node of a field.
 * @param {Object} schema the whole plan schema
 * @param {string} path such as `budget.steps`
 * @returns {Object} an empty object when the schema does not know the field
 */
export function fieldSchema(schema, path) {
  let nodes = [schema];
  for (const name of path.split(".")) {
    nodes = nodes.flatMap((node) => alternatives(schema, node)).flatMap((node) => node.properties?.[name] ?? []);
  }
  return nodes.flatMap((node) => alternatives(schema, node)).find((node) => node.type !== "null") ?? {};
}

function alternatives(schema, node) {
  const { $ref, ...own } = node; // what a field says of itself stands before what its type says
  if ($ref) return alternatives(schema, { ...schema.$defs[$ref.split("/").at(-1)], ...own });
  const choices = node.oneOf ?? node.anyOf ?? node.allOf;
  return choices ? choices.flatMap((choice) => alternatives(schema, choice)) : [node];
}

/**
 * What is wrong with the text typed for a number, or an empty string.
 * @param {string} text
 * @param {Object} field from `fieldSchema`
 */
export function numberFault(text, field) {
  const value = Number(text);
  const integer = field.type === "integer";
  const low = field.minimum ?? field.exclusiveMinimum;
  const high = field.maximum ?? field.exclusiveMaximum;
  const wrong =
    text.trim() === "" ||
    !Number.isFinite(value) ||
    (integer && !Number.isInteger(value)) ||
    (low !== undefined && (value < low || (value === low && field.minimum === undefined))) ||
    (high !== undefined && value > high) ||
    (field.multipleOf !== undefined && value % field.multipleOf !== 0);
  if (!wrong) return "";
  const kind = field.multipleOf === 2 ? "an even number" : integer ? "a whole number" : "a number";
  const from = field.minimum === undefined ? "above" : "from";
  const range = [
    low !== undefined && `${from} ${low.toLocaleString("en")}`,
    high !== undefined && `to ${high.toLocaleString("en")}`,
  ];
  return `must be ${[kind, ...range].filter(Boolean).join(" ")}`;
}

/**
 * The numbers in a text that separates them by commas or spaces, and what is wrong with them, or an empty string.
 * @param {string} text an empty one has no numbers
 * @param {Object} field from `fieldSchema`, of an array
 * @returns {{values: number[], fault: string}}
 */
export function readNumbers(text, field) {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const most = field.maxItems ?? Infinity;
  const wrong = parts.map((part) => numberFault(part, field.items ?? {})).find(Boolean);
  const fault = wrong ? `each ${wrong}` : parts.length > most ? `must be ${most} numbers at most` : "";
  return { values: parts.map(Number), fault };
}
