/* A classic script in the head, not a module: a module runs after the page is there, and what the style sheet folds away for
   pages with script (".js") would be seen unfolded first. And a button that asks before it acts would act without asking if it
   were pressed before the modules have come. So until then presses wait; browsers run modules before DOMContentLoaded. */
document.documentElement.classList.add('js');

(() => {
  const ANSWERED = '[data-confirm], [data-reasons], [data-batch], [data-fill], [data-menu], [data-scan], [role=tab]';
  const held = [];

  function holdClick(e) {
    const button = e.target.closest?.(ANSWERED);
    if (!button) return;
    e.preventDefault();
    e.stopPropagation();
    held.push(() => button.click());
  }

  function holdKey(e) {
    const { key, ctrlKey, altKey, metaKey, target } = e;
    const again = { key, ctrlKey, altKey, metaKey, bubbles: true, cancelable: true };
    held.push(() => target.dispatchEvent(new KeyboardEvent('keydown', again)));
  }

  document.addEventListener('click', holdClick, true);
  document.addEventListener('keydown', holdKey, true);
  document.addEventListener('DOMContentLoaded', () => {
    document.removeEventListener('click', holdClick, true);
    document.removeEventListener('keydown', holdKey, true);
    held.forEach((press) => press());
  });
})();
