// Runs before the first paint: takes over light or dark from Airflow, so that nothing flashes.
// Airflow keeps the choice in localStorage ("light", "dark", "system" or nothing) and as a class on its own document.
(() => {
  const own = document.documentElement.classList;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const frame = (() => {
    try {
      return parent !== window ? parent.document.documentElement.classList : null;
    } catch {
      return null;
    }
  })();
  const chosen = () => {
    if (frame?.contains("dark")) return "dark";
    if (frame?.contains("light")) return "light";
    let stored = null;
    try {
      stored = localStorage.getItem("theme");
    } catch {
      // Storage may be forbidden; the system's choice stays.
    }
    if (stored === "dark" || stored === "light") return stored;
    return system.matches ? "dark" : "light";
  };
  const apply = () => {
    const mode = chosen();
    own.toggle("dark", mode === "dark");
    own.toggle("light", mode === "light");
  };
  apply();
  addEventListener("storage", apply);
  system.addEventListener("change", apply);
  if (frame) {
    new MutationObserver(apply).observe(parent.document.documentElement, { attributeFilter: ["class"] });
  }
})();
