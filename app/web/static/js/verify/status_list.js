/* The signed list of what has ended, was suspended or updated: two bits for each certificate. */
import { forged, fromBase64url, fromUtf8, toUtf8 } from './bytes.js';
import { verify } from './signature.js';

export const MARKS = { ended: 1, suspended: 2, updated: 3 };

async function inflate(data) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function openList(keys, token) {
  const parts = token.trim().split('.');
  if (parts.length !== 3) throw forged();
  const head = JSON.parse(fromUtf8(fromBase64url(parts[0])));
  if (head.alg !== 'ES256' || head.typ !== 'statuslist+jwt') throw forged();
  await verify(keys, head.kid, fromBase64url(parts[2]), toUtf8(`${parts[0]}.${parts[1]}`));
  const claims = JSON.parse(fromUtf8(fromBase64url(parts[1])));
  if (claims.status_list.bits !== 2) throw forged();
  const entries = await inflate(fromBase64url(claims.status_list.lst));
  return { entries, at: claims.iat * 1000, until: claims.exp * 1000 };
}

/** The mark at this place, or null where the list does not tell. */
export function markAt(list, place) {
  if (!list || place === null || place >= 4 * list.entries.length) return null;
  return (list.entries[place >> 2] >> ((place % 4) * 2)) & 3;
}
