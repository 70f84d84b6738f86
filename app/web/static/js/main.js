/* Behaviour of every page. All of them work without script; it adds confirmation, selection counts, previews and keys.
   No inline handlers, so "script-src 'self'" holds; no words of any language: they come from <template id="words">.

   The files are loaded as they are, not bundled: so no build step stands between the source and the browser. Their version
   is a folder of the address (/static/v-1a2b3c4d/js/main.js, see asset()), the same for all of them: relative imports stay
   within it, so browsers may keep every file for good and never see an old one beside a new one. A query in the import
   lines would have to be kept right by hand, and import maps are newer than the oldest browser we serve.

   The oldest browser is Chromium 86: no top-level await, no private methods, no "??=". */
import './back_and_print.js';
import './confirm.js';
import './countdown.js';
import './decision.js';
import './forms.js';
import './keys.js';
import './marks.js';
import './menu.js';
import './preferences.js';
import './progress.js';
import './query.js';
import './scans.js';
import './selection.js';
import './suggestions.js';
import './summary.js';
import './tabs.js';
import './uploads.js';
