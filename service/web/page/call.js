import { address, hasKey } from "./api.js";

/** How a call is written for a shell. @param {import("./api.js").Call} call */
export function asCurl(call) {
  const parts = [`curl -sS --fail-with-body ${quoted(address(call))}`];
  if (call.method && call.method !== "GET" && call.body === undefined) parts.push(`-X ${call.method}`);
  if (hasKey()) parts.push('-H "Authorization: Bearer $PATCHCLAMP_KEY"');
  for (const [name, value] of Object.entries(call.headers ?? {})) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (call.body !== undefined) {
    parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(call.body))}`);
  }
  return parts.join(" \\\n  ");
}

/** How a call is written in Python, with httpx. @param {import("./api.js").Call} call */
export function asPython(call) {
  const headers = Object.entries(call.headers ?? {}).map(([name, value]) => `"${name}": ${python(value)}`);
  if (hasKey()) headers.push('"Authorization": f"Bearer {os.environ[\'PATCHCLAMP_KEY\']}"');
  const options = [`"${address(call)}"`];
  if (call.body !== undefined) options.push(`json=${python(call.body)}`);
  if (headers.length) options.push(`headers={${headers.join(", ")}}`);
  options.push("timeout=90");
  const lines = options.map((option) => `    ${option},`);
  return [
    ...(hasKey() ? ["import os", ""] : []),
    "import httpx",
    "",
    `answer = httpx.${(call.method ?? "GET").toLowerCase()}(`,
    ...lines,
    ").raise_for_status().json()",
    "print(answer.keys())",
  ].join("\n");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function python(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value)
      .map(([name, each]) => `${JSON.stringify(name)}: ${python(each)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}
