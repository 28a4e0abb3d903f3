// Airflow's public API, with the session of the person who presses the button. Nothing here has rights of its own.

const ROOT = document.documentElement.dataset.airflow;
const ENDED = ["success", "failed"];

/** What Airflow refused, in words for the person who asked; `status` is the HTTP status. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const SAYS = {
  401: "Your Airflow session has ended: log in again.",
  403: "Your Airflow user may not do this.",
};

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(`${ROOT}api/v2/${path}`, {
      method,
      credentials: "same-origin",
      headers: { Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new Refused(0, "Airflow does not answer: try again.");
  }
  if (answer.ok) return answer.json();
  let detail = "";
  try {
    const told = (await answer.json()).detail;
    detail = typeof told === "string" ? told : "";
  } catch {
    // No JSON: the status alone must do.
  }
  throw new Refused(answer.status, SAYS[answer.status] ?? (detail || `Airflow answered ${answer.status}.`));
}

const dagPath = (dagId) => `dags/${encodeURIComponent(dagId)}`;
const runPath = (dagId, runId) => `${dagPath(dagId)}/dagRuns/${encodeURIComponent(runId)}`;

/** The run's page in Airflow's UI. */
export const runLink = (dagId, runId) =>
  `${ROOT}dags/${encodeURIComponent(dagId)}/runs/${encodeURIComponent(runId)}`;

/** Clears failed boxes of one run with everything downstream; returns how many were cleared. */
export async function clear(dagId, runId, boxes) {
  const answer = await ask("POST", `${dagPath(dagId)}/clearTaskInstances`, {
    dry_run: false,
    dag_run_id: runId,
    only_failed: true,
    reset_dag_runs: true,
    ...(boxes ? { task_ids: boxes, include_downstream: true } : {}),
  });
  return answer.task_instances.length;
}

/** The state of one run. */
export const runState = async (dagId, runId) => (await ask("GET", runPath(dagId, runId))).state;

/** Whether a run in this state is over. */
export const isEnded = (state) => ENDED.includes(state);

/** Starts a run; returns its ID. */
export async function start(dagId, conf) {
  return (await ask("POST", `${dagPath(dagId)}/dagRuns`, { logical_date: null, conf })).dag_run_id;
}

/** Whether the DAG is paused: what is cleared or started then waits for ever. */
export const isPaused = async (dagId) => (await ask("GET", dagPath(dagId))).is_paused;

/** Waits for runs to end; `tell` hears of each that does. */
export async function untilEnded(runs, tell, minutes = 15) {
  const open = new Map(runs.map((run) => [`${run.dagId} ${run.runId}`, run]));
  const deadline = Date.now() + minutes * 60_000;
  while (open.size && Date.now() < deadline) {
    await new Promise((done) => setTimeout(done, 1500));
    for (const [name, run] of open) {
      const state = await runState(run.dagId, run.runId);
      if (isEnded(state)) {
        open.delete(name);
        tell(run, state);
      }
    }
  }
  return open.size === 0;
}
