// Airflow shows this page in a sandboxed frame that may neither open windows nor lead the whole window elsewhere.
// A link out of the page is therefore followed by Airflow's own document.
const framed = (() => {
  try {
    return parent !== window && Boolean(parent.document);
  } catch {
    return false;
  }
})();

if (framed) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target]");
    if (!link || event.defaultPrevented) return;
    event.preventDefault();
    const outer = parent.document.createElement("a");
    outer.href = link.href;
    const elsewhere = link.target === "_blank" || event.ctrlKey || event.metaKey || event.shiftKey;
    outer.target = elsewhere ? "_blank" : "_self";
    outer.rel = "noopener noreferrer";
    parent.document.body.append(outer);
    outer.click();
    outer.remove();
  });
}
