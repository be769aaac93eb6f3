// Sends a form that needs no decision. Without scripts, people press its button.
document.querySelector("form[data-send]")?.requestSubmit();
