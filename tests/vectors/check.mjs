// The vectors by another implementation: JavaScript's numbers, JSON and SHA-256, none of our code.
// Usage: node check.mjs; prints how many of each were checked, or stops at the first that differs.

import assert from "node:assert";
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const read = (name) => readFileSync(new URL(name, import.meta.url));
const vectors = (name) => JSON.parse(read(name));

// RFC 8785: JSON.stringify writes numbers and texts as the RFC wants, sort() orders as UTF-16.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entry = (key) => `${JSON.stringify(key)}:${canonical(value[key])}`;
  return `{${Object.keys(value).sort().map(entry).join()}}`;
}

function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}

function checkJson(name) {
  const bytes = read(name);
  assert.strictEqual(canonical(JSON.parse(bytes)), bytes.toString(), name);
}

function checkReport() {
  const report = vectors("report.json");
  for (const part of ["recomputable", "observed"])
    assert.strictEqual(sha256(canonical(report[part])), report[`${part}_sha256`], part);
}

const SIZES = { BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, F32: 4, I32: 4, U32: 4, I64: 8, U64: 8 };

function byCodePoint(one, other) {
  return Buffer.compare(Buffer.from(one), Buffer.from(other)); // UTF-8 sorts as code points do
}

function checkWeights() {
  const bytes = read("weights.safetensors");
  const length = Number(bytes.readBigUInt64LE(0));
  const padded = bytes.subarray(8, 8 + length).toString();
  const header = JSON.parse(padded);
  assert.strictEqual(padded.trimEnd(), canonical(header));
  assert.strictEqual(length, Math.ceil(Buffer.byteLength(canonical(header)) / 8) * 8);
  const { __metadata__: metadata, ...tensors } = header;
  assert.deepStrictEqual(Object.keys(metadata), ["flnode"]);
  assert.strictEqual(canonical(JSON.parse(metadata.flnode)), metadata.flnode);
  let offset = 0;
  for (const name of Object.keys(tensors).sort(byCodePoint)) {
    const { data_offsets, dtype, shape } = tensors[name];
    const end = offset + shape.reduce((product, side) => product * side, SIZES[dtype]);
    assert.deepStrictEqual(data_offsets, [offset, end], name);
    offset = end;
  }
  assert.strictEqual(bytes.length, 8 + length + offset);
}

const float32 = (bits) => Buffer.from(bits, "hex").readFloatBE();
const float64 = (bits) => Buffer.from(bits, "hex").readDoubleBE();

function bits32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatBE(number);
  return bytes.toString("hex");
}

// JavaScript's arithmetic is float64, one rounding an operation; Number() of a BigInt rounds once.
function average(updates, place) {
  let sum = 0;
  let total = 0n;
  for (const update of updates) {
    sum += float32(update.values[place]) * update.weight;
    total += BigInt(update.weight);
  }
  return Math.fround(sum / Number(total));
}

function checkFedAvg({ name, updates, expected }) {
  const ordered = [...updates].sort((one, other) => one.node - other.node);
  const found = expected.map((_, place) => bits32(average(ordered, place)));
  assert.deepStrictEqual(found, expected, name);
}

function treeSum(values) {
  if (values.length === 1) return values[0];
  const middle = values.length / 2;
  return treeSum(values.slice(0, middle)) + treeSum(values.slice(middle));
}

function checkTree({ values, expected }) {
  const padded = values.map(float64);
  while (padded.length === 0 || padded.length & (padded.length - 1)) padded.push(0);
  assert.strictEqual(treeSum(padded), float64(expected));
}

const bytesOf = (text) => Buffer.from(text, "hex");
const digest = (...pieces) => createHash("sha256").update(Buffer.concat(pieces)).digest();

// RFC 6962, section 2.1.
function treeRoot(leaves) {
  if (leaves.length === 0) return digest();
  if (leaves.length === 1) return digest(Buffer.of(0), leaves[0]);
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  return digest(Buffer.of(1), treeRoot(leaves.slice(0, left)), treeRoot(leaves.slice(left)));
}

// Gives the root that a proof leads to: RFC 9162, section 2.1.3.2.
function provenRoot(leaf, index, size, proof) {
  if (size === 1) return digest(Buffer.of(0), leaf);
  let left = 1;
  while (left * 2 < size) left *= 2;
  const other = bytesOf(proof.at(-1));
  const rest = proof.slice(0, -1);
  if (index < left) return digest(Buffer.of(1), provenRoot(leaf, index, left, rest), other);
  return digest(Buffer.of(1), other, provenRoot(leaf, index - left, size - left, rest));
}

function checkMerkle({ leaves, roots, inclusion }) {
  const all = leaves.map(bytesOf);
  const root = (size) => treeRoot(all.slice(0, size)).toString("hex");
  roots.forEach((expected, size) => assert.strictEqual(root(size), expected));
  for (const { index, size, proof } of inclusion)
    assert.strictEqual(provenRoot(all[index], index, size, proof).toString("hex"), roots[size]);
}

const counted = (number) => Buffer.from(number.toString(16).padStart(8, "0"), "hex");

function checkRecord({ session, public_key, record, content, digest: expected, leaf }) {
  const chain = bytesOf(session.chain_id.toString(16).padStart(64, "0"));
  const named = [chain, bytesOf(session.contract.slice(2)), counted(session.node)];
  const id = digest(Buffer.from("flnode split session"), ...named);
  assert.strictEqual(id.toString("hex"), session.id);
  const place = [counted(record.epoch), counted(record.step), Buffer.of(record.phase)];
  const said = Buffer.concat([id, ...place, bytesOf(record.body), bytesOf(record.previous)]);
  assert.strictEqual(said.toString("hex"), content);
  assert.strictEqual(digest(said).toString("hex"), expected);
  const x = bytesOf(public_key).toString("base64url");
  const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
  const signed = Buffer.concat([Buffer.from("flnode split record"), said]);
  assert.ok(leaf.startsWith(content));
  assert.ok(verify(null, signed, key, bytesOf(leaf.slice(content.length))));
}

checkJson("plan.json");
checkJson("report.json");
checkReport();
checkWeights();
const averages = vectors("fedavg.json");
averages.forEach(checkFedAvg);
const trees = vectors("tree_sum.json");
trees.forEach(checkTree);
const merkle = vectors("merkle.json");
checkMerkle(merkle);
checkRecord(vectors("record.json"));
console.log(
  JSON.stringify({
    files: 3,
    fedavg: averages.length,
    tree_sum: trees.length,
    merkle: merkle.roots.length + merkle.inclusion.length,
    record: 1,
  }),
);
