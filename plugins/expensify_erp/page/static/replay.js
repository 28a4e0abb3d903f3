import { Refused, clear, isEnded, isPaused, runLink, runState, start, untilEnded } from "./airflow.js";
import { confirmed, progress } from "./dialog.js";

const PAGE = document.documentElement.dataset.page;
const SHOWN = 50;

/** Clears the newest run that Airflow still has for each journal; those without one get a run of their own. */
async function replay(journals, tell) {
  const runs = new Map();
  const orphans = new Map();
  const remember = (dagId, runId) => runs.set(`${dagId} ${runId}`, { dagId, runId });
  let waiting = journals.map((journal) => ({ journal, next: 0 }));
  while (waiting.length) {
    const byRun = new Map();
    for (const one of waiting) {
      const box = one.journal.boxes[one.next];
      if (!box) {
        const { dag_id: dagId, conf } = one.journal.start;
        orphans.set(dagId, [...(orphans.get(dagId) ?? []), ...conf.journals]);
        continue;
      }
      const name = `${box.dag_id} ${box.run_id}`;
      byRun.set(name, [...(byRun.get(name) ?? []), { ...one, box }]);
    }
    waiting = [];
    for (const listed of byRun.values()) {
      const { dag_id: dagId, run_id: runId } = listed[0].box;
      const whole = listed.some((one) => one.box.map_index === null);
      const boxes = [...new Set(listed.map((one) => one.box.map_index))].map((index) => [listed[0].box.task_id, index]);
      try {
        const cleared = await clear(dagId, runId, whole ? null : boxes);
        const link = { text: "run", href: runLink(dagId, runId) };
        if (cleared) tell.line(`${runId}: cleared`, "", link);
        else if (isEnded(await runState(dagId, runId))) {
          // The box is not red there (somebody marked it): another run must do.
          waiting.push(...listed.map((one) => ({ journal: one.journal, next: one.next + 1 })));
          continue;
        } else tell.line(`${runId}: it is running already`, "", link);
        remember(dagId, runId);
        tell.touched();
      } catch (error) {
        // The run is gone: an older run may still be there.
        if (!(error instanceof Refused) || error.status !== 404) throw error;
        waiting.push(...listed.map((one) => ({ journal: one.journal, next: one.next + 1 })));
      }
    }
  }
  for (const [dagId, keys] of orphans) {
    const runId = await start(dagId, { journals: keys });
    remember(dagId, runId);
    tell.line("Their run is gone, so a new one was started", "", { text: runId, href: runLink(dagId, runId) });
    tell.touched();
  }
  return [...runs.values()];
}

/** Says what became of each journal. */
async function outcomes(journals, tell) {
  let posted = 0;
  for (const journal of journals.slice(0, SHOWN)) {
    const named = new URLSearchParams({ tenant: journal.tenant, target: journal.target, key: journal.key });
    const answer = await fetch(`${PAGE}/journals/state.json?${named}`, { credentials: "same-origin" });
    if (!answer.ok) continue;
    const now = await answer.json();
    if (now.state === "posted" || now.state === "closed") {
      posted += 1;
      tell.line(`${now.key}: ${now.state}${now.document_number ? ` as ${now.document_number}` : ""}`, "good");
    } else {
      tell.line(`${now.key}: ${now.state}. ${now.reasons.join(" ")}`, "bad");
    }
  }
  return posted;
}

async function run(journals) {
  const tell = progress("Replay");
  try {
    for (const dagId of new Set(journals.map((journal) => journal.start.dag_id))) {
      if (await isPaused(dagId)) {
        tell.done(`The DAG ${dagId} is paused: switch it on in Airflow, then replay again.`, "bad");
        return;
      }
    }
    const runs = await replay(journals, tell);
    const ended = await untilEnded(runs, (one, state) => {
      tell.line(`${one.runId}: ${state}`, state === "success" ? "good" : "bad", {
        text: "run",
        href: runLink(one.dagId, one.runId),
      });
    });
    const posted = await outcomes(journals, tell);
    const shown = Math.min(journals.length, SHOWN);
    if (!ended) tell.done("The runs go on: look again later.", "");
    else if (posted === shown) tell.done(posted === 1 ? "Done: it is settled." : "Done: all of them are settled.", "good");
    else tell.done(`${shown - posted} of ${shown} still need attention.`, "bad");
  } catch (error) {
    tell.done(error.message, "bad");
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-replay], button[data-replays]");
  if (!button) return;
  let journals;
  if (button.dataset.replay) {
    journals = [JSON.parse(button.dataset.replay)];
  } else {
    const answer = await fetch(button.dataset.replays, { credentials: "same-origin" });
    journals = answer.ok ? (await answer.json()).replays : [];
  }
  if (!journals.length) {
    progress("Replay").done("There is nothing to replay any more: show the page again.", "");
    return;
  }
  const what = journals.length === 1 ? `journal ${journals[0].key}` : `${journals.length} journals`;
  const agreed = await confirmed(
    `Replay ${what}?`,
    [
      "The reports are read from Expensify again, mapped and checked with today's settings, and posted when nothing holds them any more.",
      "What is posted already stays posted once.",
    ],
    "Replay",
  );
  if (agreed) await run(journals);
});

// Without this script the buttons would do nothing, so they are shown by it.
for (const button of document.querySelectorAll("button[data-replay], button[data-replays]")) button.hidden = false;
