/* A classic script in the head, not a module: a module runs after the page is there, and what the style sheet folds away for
   pages with script (".js") would be seen unfolded first. */
document.documentElement.classList.add('js');
