/* Keeps what the off-line check needs. The network comes first: an old list must never hide a new one. */
'use strict';
var CACHE = 'verify', FILES = {{ files|tojson }};

self.addEventListener('install', function (e) {
  e.waitUntil(caches.open(CACHE).then(function (cache) { return cache.addAll(FILES); }).then(function () { return self.skipWaiting(); }));
});

self.addEventListener('activate', function (e) {
  e.waitUntil(caches.open(CACHE).then(function (cache) {
    return cache.keys().then(function (kept) {
      return Promise.all(kept.filter(function (k) { return FILES.indexOf(k.url.slice(self.location.origin.length)) < 0; }).map(function (k) { return cache.delete(k); }));
    });
  }).then(function () { return self.clients.claim(); }));
});

self.addEventListener('fetch', function (e) {
  var url = new URL(e.request.url);
  if (e.request.method !== 'GET' || url.origin !== self.location.origin || FILES.indexOf(url.pathname + url.search) < 0) return;
  e.respondWith(caches.open(CACHE).then(function (cache) {
    return fetch(e.request).then(function (answer) {
      if (answer.ok) cache.put(e.request, answer.clone());
      return answer;
    }).catch(function () { return cache.match(e.request, {ignoreVary: true}); });
  }));
});
