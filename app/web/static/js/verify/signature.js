/* ES256 with the published keys. */
import { forged } from './bytes.js';

const CURVE = 'P-256';

export async function verify(keys, kid, signature, data) {
  const jwk = keys?.find((key) => key.kid === kid && key.kty === 'EC' && key.crv === CURVE);
  if (!jwk) throw forged();
  const { kty, crv, x, y } = jwk;
  const algorithm = { name: 'ECDSA', namedCurve: CURVE };
  const key = await crypto.subtle.importKey('jwk', { kty, crv, x, y }, algorithm, false, ['verify']);
  if (!(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, data))) throw forged();
}
