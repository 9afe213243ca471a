// Numbers as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { brief, number } from "../../deploy/dashboard/words.js";

test("a glance needs one decimal below 100 and none above", () => {
  const pairs = [[0, "0"], [63.73, "63.7"], [99.96, "100"], [190.84, "191"]];
  assert.deepEqual(pairs.map(([value]) => brief(value)), pairs.map(([, text]) => text));
});

test("the table of all numbers has two decimals", () => {
  assert.equal("63.73", number(63.734));
});
