// graphile-worker, with the settings of its page about performance:
// `node graphile-worker.mjs install DSN` makes its tables, `... work DSN BODY EXPECTED` runs a worker until SIGTERM.
// It says the same lines as bench/process.py. Node and Python read the same monotonic clock.
import { run, runMigrations } from "graphile-worker";

const TENTHS = 10;
const [verb, connectionString, body, expectedText] = process.argv.slice(2);
const expected = Number(expectedText);
const preset = {
  worker: {
    connectionString,
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    gracefulShutdownAbortTimeout: 5000,
  },
};

const now = () => Number(process.hrtime.bigint()) / 1e9;
const say = (event, facts = {}) => process.stdout.write(JSON.stringify({ event, ...facts }) + "\n");

const marks = [];
let count = 0;

function note() {
  if (count % Math.floor(expected / TENTHS) === 0) {
    marks.push(now());
    if (count === 0) say("first", { at: marks[0] });
  }
  count += 1;
  if (count === expected) {
    marks.push(now());
    say("ran", { marks, peak_kib: process.resourceUsage().maxRSS });
  }
}

const BODIES = { counting: async () => note() };

if (verb === "install") {
  await runMigrations({ preset });
} else {
  const { Logger } = await import("graphile-worker");
  const logger = new Logger(() => (level, message) => {
    if (level === "error") process.stderr.write(message + "\n");
  });
  const runner = await run({
    preset: { worker: { ...preset.worker, logger } },
    noHandleSignals: true,
    taskList: { bench: BODIES[body] },
  });
  process.on("SIGTERM", async () => {
    const askedAt = now();
    await runner.stop();
    say("stopped", { seconds: now() - askedAt });
    process.exit(0);
  });
  say("up");
}
