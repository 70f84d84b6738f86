/* Keeps what the off-line check needs. The network comes first: an old list must never hide a new one.
   A classic script: workers that are modules are newer than the oldest browser we serve. */
'use strict';

const CACHE = 'verify';
const FILES = {{ files|tojson }};

const isNeeded = (address) => {
  const url = new URL(address);
  return url.origin === self.location.origin && FILES.includes(url.pathname + url.search);
};

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES);
  await self.skipWaiting();
}

async function forgetOthers() {
  const cache = await caches.open(CACHE);
  const kept = await cache.keys();
  await Promise.all(kept.filter((request) => !isNeeded(request.url)).map((request) => cache.delete(request)));
  await self.clients.claim();
}

async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const fresh = await fetch(request);
    if (fresh.ok) cache.put(request, fresh.clone());
    return fresh;
  } catch {
    return cache.match(request, { ignoreVary: true });
  }
}

self.addEventListener('install', (e) => e.waitUntil(keep()));
self.addEventListener('activate', (e) => e.waitUntil(forgetOthers()));
self.addEventListener('fetch', (e) => {
  if (e.request.method === 'GET' && isNeeded(e.request.url)) e.respondWith(answer(e.request));
});
