import { isPaused, runLink, start, untilEnded } from "./airflow.js";
import { confirmed, progress } from "./dialog.js";

const DAG = "settle";

/** Report IDs out of pasted text or a CSV: the first column, a heading left out, each once. */
export function reportIds(text) {
  const found = text
    .split(/\r?\n/)
    .map((line) => line.split(/[,;\t]/)[0].trim().replace(/^["']+|["']+$/g, "").trim())
    .filter((value) => /^[A-Za-z0-9_-]{1,100}$/.test(value) && !/^report(_?id)?s?$/i.test(value));
  return [...new Set(found)];
}

async function settle(conf) {
  const tell = progress("Settle");
  try {
    if (await isPaused(DAG)) {
      tell.done("The DAG settle is paused: switch it on in Airflow, then try again.", "bad");
      return;
    }
    const runId = await start(DAG, conf);
    tell.touched();
    const link = { text: runId, href: runLink(DAG, runId) };
    tell.line("Started", "", link);
    let state = "";
    const ended = await untilEnded([{ dagId: DAG, runId }], (_, now) => {
      state = now;
    });
    if (!ended) tell.done("The run goes on: look again later.", "");
    else if (state === "success") tell.done("Done.", "good");
    else tell.done("It was refused. The log of the run says why.", "bad");
  } catch (error) {
    tell.done(error.message, "bad");
  }
}

const QUESTIONS = {
  adopt: "The journal is then posted as that document of the ERP. Nothing is sent.",
  reissue: "The ERP is asked whether the old document is gone; the expenses then move to a new journal, which the next run posts.",
  close: "It is then never posted. This cannot be undone here.",
};

for (const form of document.querySelectorAll("form[data-settle]")) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = new FormData(form);
    const action = event.submitter?.value || values.get("action") || "close";
    const number = String(values.get("document_number") ?? "").trim();
    const reason = String(values.get("reason") ?? "").trim();
    const conf = { tenant: String(values.get("tenant")), action, reason };
    const problem = form.querySelector("[data-problem]");
    const say = (text) => {
      problem.textContent = text;
      problem.hidden = !text;
    };
    say("");
    if (!reason) return say("A reason is mandatory: an auditor will read it.");
    let what;
    if (form.dataset.settle === "reports") {
      conf.report_ids = reportIds(String(values.get("reports") ?? ""));
      if (!conf.report_ids.length) return say("Name at least one report ID, one per line.");
      what = conf.report_ids.length === 1 ? `report ${conf.report_ids[0]}` : `${conf.report_ids.length} reports`;
    } else {
      conf.journals = [form.dataset.settle];
      what = `journal ${form.dataset.settle}`;
      if (action === "adopt" && !number) return say("To adopt, give the number of the document in the ERP.");
      if (action === "adopt") conf.document_number = number;
    }
    const label = action[0].toUpperCase() + action.slice(1);
    if (await confirmed(`${label} ${what}?`, [QUESTIONS[action], `Reason: ${reason}`], label)) await settle(conf);
  });
}

// A file is read here and only here: its text is put into the field, where it can be seen before it is sent.
for (const input of document.querySelectorAll("input[type=file][data-into]")) {
  input.hidden = false;
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (file) document.getElementById(input.dataset.into).value = reportIds(await file.text()).join("\n");
  });
}
