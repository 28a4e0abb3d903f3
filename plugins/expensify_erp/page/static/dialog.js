// Questions and progress in one dialog. Airflow's frame forbids confirm() and alert().

const dialog = document.getElementById("dialog");
const title = document.getElementById("dialog-title");
const body = document.getElementById("dialog-body");
const yes = document.getElementById("dialog-yes");
const no = document.getElementById("dialog-no");

/** A new element; `text` is text, never markup. */
export function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** Asks; true when the person agrees. */
export function confirmed(heading, sentences, label) {
  title.textContent = heading;
  body.replaceChildren(...sentences.map((text) => element("p", text)));
  yes.textContent = label;
  yes.hidden = false;
  no.textContent = "Cancel";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}

/** Shows progress: returns functions that add a line (text, optional link) and that mark the end. */
export function progress(heading) {
  title.textContent = heading;
  const lines = element("ul", "", { class: "progress", "aria-live": "polite" });
  const busy = element("p", "Working …", { class: "busy" });
  body.replaceChildren(lines, busy);
  yes.hidden = true;
  no.textContent = "Close";
  let changed = false;
  dialog.addEventListener(
    "close",
    () => {
      if (changed) location.reload();
    },
    { once: true },
  );
  dialog.showModal();
  return {
    line(text, tone = "", link = null) {
      const item = element("li", text, tone ? { class: tone } : {});
      if (link) item.append(" ", element("a", link.text, { href: link.href, target: "_top" }));
      lines.append(item);
    },
    /** From now on closing the dialog shows the page anew. */
    touched() {
      changed = true;
    },
    done(text, tone) {
      busy.textContent = text;
      busy.className = `verdict ${tone}`;
      no.focus();
    },
  };
}
