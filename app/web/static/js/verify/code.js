/* The code of a certificate: COSE_Sign1 behind a version byte, written as one long number. */
import { forged, fromUtf8 } from './bytes.js';
import { decode, encodeBytes, encodeText } from './cbor.js';
import { verify } from './signature.js';

const FIELDS = 7;
const [ALGORITHM, KEY_ID, ES256] = [1, 4, -7]; // RFC 9053 and 9052
const isBytes = (data) => data instanceof Uint8Array;

/** The digits in an address, or what was typed. */
export function digitsIn(given) {
  const address = given.replace(/\s+/g, '').split(/[?#]/)[0];
  return address.replace(/\/+$/, '').split('/').pop();
}

function bytesOf(digits) {
  if (!/^[1-9][0-9]{99,799}$/.test(digits)) throw forged();
  let hex = BigInt(digits).toString(16);
  if (hex.length % 2) hex = `0${hex}`;
  const data = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  if (data[0] !== 1) throw forged();
  return data.slice(1);
}

function partsOf(message) {
  if (!Array.isArray(message) || message.length !== 4) throw forged();
  const [head, open, payload, signature] = message;
  if (!isBytes(head) || !isBytes(payload) || !isBytes(signature) || signature.length !== 64) throw forged();
  if (!(open instanceof Map) || open.size) throw forged();
  return { head, payload, signature };
}

function keyOf(head) {
  const claims = decode(head);
  if (!(claims instanceof Map) || claims.size !== 2 || claims.get(ALGORITHM) !== ES256) throw forged();
  if (!isBytes(claims.get(KEY_ID))) throw forged();
  return fromUtf8(claims.get(KEY_ID));
}

/** What the code says, if its signature is good; else it throws. */
export async function read(keys, digits) {
  const { head, payload, signature } = partsOf(decode(bytesOf(digits)));
  const kid = keyOf(head);
  const signed = [0x84, ...encodeText('Signature1'), ...encodeBytes(head), 0x40, ...encodeBytes(payload)];
  await verify(keys, kid, signature, Uint8Array.from(signed));
  const fields = decode(payload);
  if (!Array.isArray(fields) || fields.length !== FIELDS || fields[0] !== 1) throw forged();
  const [, , version, number, name, until, place] = fields;
  return { version, number, name, until, place, digits };
}
