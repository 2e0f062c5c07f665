#!/usr/bin/env node
// Makes npm's solc answer like the native compiler, as far as py-solc-x and slither ask.
"use strict";

const { readFileSync, readdirSync } = require("fs");
const { join } = require("path");
const solc = require("solc");

// By its number: process.stdin would make it one that does not wait for the writer.
const STDIN = 0;

const [first, second] = process.argv.slice(2);
if (first === "--version") {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (first === "--standard-json") {
  console.log(compiled(readFileSync(STDIN, "utf8")));
} else if (second === "--combined-json") {
  console.log(JSON.stringify(combined(JSON.parse(compiled(JSON.stringify(allSources()))))));
} else {
  console.error(`unrecognised option '${first}'`);
  process.exitCode = 1;
}

function compiled(input) {
  return solc.compile(input).replace(/^>>>.*\n/gm, "");
}

// What the compiler is told is what the committed artefact was made with.
function allSources() {
  const artifact = JSON.parse(readFileSync("artifacts/Federation.json", "utf8"));
  const { optimizer, evmVersion, viaIR } = JSON.parse(artifact.metadata).settings;
  const names = [".", "interfaces", "types"].flatMap((folder) =>
    readdirSync(folder).filter((name) => name.endsWith(".sol")).map((name) => join(folder, name)));
  const sources = Object.fromEntries(
    names.sort().map((name) => [name, { content: readFileSync(name, "utf8") }]));
  const outputs = ["abi", "evm.bytecode", "evm.deployedBytecode", "evm.methodIdentifiers"];
  const outputSelection = { "*": { "*": outputs, "": ["ast"] } };
  return { language: "Solidity", sources, settings: { optimizer, evmVersion, viaIR, outputSelection } };
}

function combined(output) {
  const contracts = Object.entries(output.contracts).flatMap(([file, found]) =>
    Object.entries(found).map(([name, each]) => [`${file}:${name}`, {
      abi: each.abi,
      bin: each.evm.bytecode.object,
      "bin-runtime": each.evm.deployedBytecode.object,
      srcmap: each.evm.bytecode.sourceMap,
      "srcmap-runtime": each.evm.deployedBytecode.sourceMap,
      hashes: each.evm.methodIdentifiers,
      userdoc: {},
      devdoc: {},
    }]));
  const sources = Object.entries(output.sources).sort(([, one], [, other]) => one.id - other.id);
  return {
    contracts: Object.fromEntries(contracts),
    sourceList: sources.map(([name]) => name),
    sources: Object.fromEntries(sources.map(([name, { ast }]) => [name, { AST: ast }])),
    version: solc.version(),
  };
}
