#!/usr/bin/env node
// Makes npm's solc answer like the native compiler, as far as py-solc-x asks.
"use strict";

const { readFileSync } = require("fs");
const solc = require("solc");

const [option] = process.argv.slice(2);
if (option === "--version") {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (option === "--standard-json") {
  const answer = solc.compile(readFileSync(process.stdin.fd, "utf8"));
  console.log(answer.replace(/^>>>.*\n/gm, ""));
} else {
  console.error(`unrecognised option '${option}'`);
  process.exitCode = 1;
}
