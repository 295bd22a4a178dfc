CREATE TABLE migrations (
  version    INTEGER PRIMARY KEY,
  applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT;

-- What was submitted never changes; phase, finished, cause and the times after submitted_at follow the events.
CREATE TABLE jobs (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  intake_id      TEXT NOT NULL UNIQUE,
  series         TEXT NOT NULL,
  version        INTEGER NOT NULL,
  content_sha256 TEXT NOT NULL,
  campaign       TEXT NOT NULL,
  title          TEXT NOT NULL,
  brand          TEXT NOT NULL,
  pipeline       TEXT NOT NULL,
  brief_name     TEXT NOT NULL,
  brief_sha256   TEXT NOT NULL,
  source         TEXT NOT NULL,
  priority       INTEGER NOT NULL,
  stakeholders   TEXT NOT NULL,
  phase          TEXT NOT NULL,
  finished       INTEGER NOT NULL DEFAULT 0,
  cause          TEXT,
  submitted_at   INTEGER NOT NULL,
  decided_at     INTEGER,
  finished_at    INTEGER
) STRICT;
CREATE INDEX jobs_by_series ON jobs (series, id);
CREATE INDEX jobs_by_phase ON jobs (phase, id);
CREATE INDEX jobs_unfinished ON jobs (id) WHERE finished = 0;

-- Apart from the jobs: large, and read only when something is to be decided.
CREATE TABLE plans (
  job  INTEGER PRIMARY KEY REFERENCES jobs (id),
  plan TEXT NOT NULL
) STRICT;

CREATE TABLE events (
  seq   INTEGER PRIMARY KEY AUTOINCREMENT,
  job   INTEGER NOT NULL REFERENCES jobs (id),
  at    INTEGER NOT NULL,
  event TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_job ON events (job, seq);

-- `task` is the fold over the task's events; the columns after it are what the queue is ordered by.
CREATE TABLE tasks (
  job        INTEGER NOT NULL REFERENCES jobs (id),
  ordinal    INTEGER NOT NULL,
  key        TEXT NOT NULL,
  task       TEXT NOT NULL,
  state      TEXT NOT NULL,
  pool       TEXT NOT NULL,
  priority   INTEGER NOT NULL,
  share      INTEGER NOT NULL DEFAULT 0, -- running tasks of the job
  due        INTEGER NOT NULL DEFAULT 0, -- not_before has passed
  not_before INTEGER,
  outputs    TEXT,
  facts      TEXT,
  PRIMARY KEY (job, ordinal)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tasks_by_key ON tasks (job, key);
CREATE INDEX queue ON tasks (pool, priority DESC, share, job, ordinal) WHERE state = 'ready' AND due = 1;
CREATE INDEX delayed ON tasks (not_before) WHERE state = 'ready' AND due = 0;

CREATE TABLE attempts (
  job        INTEGER NOT NULL REFERENCES jobs (id),
  task       TEXT NOT NULL,
  epoch      INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  agent      TEXT NOT NULL,
  boot       TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at   INTEGER,
  outcome    TEXT,
  log_lines  INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, task, epoch)
) STRICT, WITHOUT ROWID;

-- One row per running task. A lease is about the present, so it is no part of the history.
CREATE TABLE leases (
  job      INTEGER NOT NULL,
  task     TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  agent    TEXT NOT NULL,
  boot     TEXT NOT NULL,
  lease_ms INTEGER NOT NULL,
  until    INTEGER NOT NULL,
  cancel   INTEGER NOT NULL DEFAULT 0,
  progress TEXT,
  PRIMARY KEY (job, task),
  FOREIGN KEY (job, task, epoch) REFERENCES attempts (job, task, epoch)
) STRICT, WITHOUT ROWID;
CREATE INDEX leases_by_end ON leases (until);

CREATE TABLE log (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  job     INTEGER NOT NULL,
  task    TEXT NOT NULL,
  epoch   INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  level   TEXT NOT NULL,
  message TEXT NOT NULL,
  fields  TEXT NOT NULL,
  FOREIGN KEY (job, task, epoch) REFERENCES attempts (job, task, epoch)
) STRICT;
CREATE INDEX log_by_job ON log (job, seq);

CREATE TABLE cache (
  key   TEXT PRIMARY KEY,
  entry TEXT NOT NULL,
  at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE intake (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  state      TEXT NOT NULL,
  job        INTEGER REFERENCES jobs (id),
  noted_at   INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX intake_open ON intake (noted_at, id) WHERE state <> 'settled';
