/* CBOR: the little of it that a code is made of, in its one shortest way of writing. */
import { forged, fromUtf8, toUtf8 } from './bytes.js';

const DEEPEST = 4;
const NULL = 0xf6;
const SMALLEST = [24, 256, 65536]; // a number below would have been written in fewer bytes

function reader(data) {
  let at = 0;
  const bytes = (n) => {
    if (at + n > data.length) throw forged();
    at += n;
    return data.slice(at - n, at);
  };
  const number = (low) => {
    if (low < 24) return low;
    if (low > 26) throw forged();
    const n = bytes(1 << (low - 24)).reduce((sum, byte) => sum * 256 + byte, 0);
    if (n < SMALLEST[low - 24]) throw forged();
    return n;
  };
  return { bytes, number, isAtEnd: () => at === data.length };
}

function value(from, depth) {
  const head = from.bytes(1)[0];
  if (head === NULL) return null;
  const kind = head >> 5;
  if (depth > DEEPEST || kind > 5) throw forged();
  const n = from.number(head & 31);
  if (kind === 0) return n;
  if (kind === 1) return -1 - n;
  if (kind === 2) return from.bytes(n);
  if (kind === 3) return fromUtf8(from.bytes(n));
  return kind === 4 ? list(from, n, depth + 1) : map(from, n, depth + 1);
}

function list(from, n, depth) {
  const found = [];
  for (let i = 0; i < n; i++) found.push(value(from, depth));
  return found;
}

function map(from, n, depth) {
  const found = new Map();
  for (let i = 0; i < n; i++) {
    const key = value(from, depth);
    found.set(key, value(from, depth));
  }
  return found;
}

export function decode(data) {
  const from = reader(data);
  const all = value(from, 1);
  if (!from.isAtEnd()) throw forged();
  return all;
}

/** A text of less than 24 bytes. */
export function encodeText(text) {
  const data = toUtf8(text);
  return [0x60 | data.length, ...data];
}

export function encodeBytes(data) {
  const n = data.length;
  if (n < 24) return [0x40 | n, ...data];
  return n < 256 ? [0x58, n, ...data] : [0x59, n >> 8, n & 255, ...data];
}
