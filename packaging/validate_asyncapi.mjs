// Holds docs/reference/asyncapi.json against AsyncAPI's own parser: node validate.mjs FILE, from where
// npm put @asyncapi/parser. Ends with 1 and a line for each mistake.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Parser } = createRequire(`${process.cwd()}/`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const { severity, code, message, path } of diagnostics) {
  console.log(`${["error", "warning", "info", "hint"][severity]}: ${path.join(".")}: ${message} (${code})`);
}
if (!document || diagnostics.some(({ severity }) => severity === 0)) process.exit(1);
console.log(`AsyncAPI ${document.version()}: ${document.channels().length} channels, ${document.operations().length} operations`);
