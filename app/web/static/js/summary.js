/* A page that lists what hinders is opened with the focus on that list. */
import { find } from './dom.js';

const summary = find('[data-focus]');
if (summary) summary.focus();
