/* Texts and bytes. */

export const forged = () => new Error('forged');

export function fromBase64url(text) {
  const raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
}

export function fromUtf8(data) {
  return new TextDecoder('utf-8', { fatal: true }).decode(data);
}

export function toUtf8(text) {
  return new TextEncoder().encode(text);
}
