-- One run's records. Wide texts and token arrays stand apart from what tables sort and filter by.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Exact bytes of every token that occurs, so that the records can be read without the model.
CREATE TABLE vocabulary (
  id INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL,
  special INTEGER NOT NULL
) STRICT;

CREATE TABLE steps (
  step INTEGER PRIMARY KEY,
  record TEXT NOT NULL
) STRICT;

CREATE TABLE timings (
  step INTEGER NOT NULL,
  stage TEXT NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (step, stage)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluations (
  step INTEGER PRIMARY KEY,
  record TEXT NOT NULL
) STRICT;

CREATE TABLE groups (
  id INTEGER PRIMARY KEY,
  step INTEGER NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  task TEXT NOT NULL,
  query TEXT NOT NULL,
  episodes INTEGER NOT NULL,
  solved INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  reward REAL,
  spread REAL,
  metadata TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX groups_by_step ON groups (step);

CREATE TABLE episodes (
  id INTEGER PRIMARY KEY,
  "group" INTEGER NOT NULL,
  step INTEGER NOT NULL,
  kind TEXT NOT NULL,
  place INTEGER NOT NULL,
  task TEXT NOT NULL,
  reward REAL,
  success INTEGER NOT NULL,
  advantage REAL,
  agents TEXT NOT NULL,
  calls INTEGER NOT NULL,
  nodes INTEGER NOT NULL,
  unrolled INTEGER NOT NULL,
  sampled INTEGER NOT NULL,
  branches INTEGER NOT NULL,
  untrainable INTEGER NOT NULL,
  cut INTEGER NOT NULL,
  clipped INTEGER NOT NULL,
  logprob_min REAL,
  logprob_mean REAL,
  gap_max REAL,
  gap_mean REAL,
  version_min INTEGER,
  version_max INTEGER,
  attempts INTEGER NOT NULL,
  seconds REAL NOT NULL,
  stage TEXT
) STRICT;
CREATE INDEX episodes_by_group ON episodes ("group");
CREATE INDEX episodes_by_step ON episodes (step, kind);
CREATE INDEX episodes_by_reward ON episodes (reward);
CREATE INDEX episodes_by_sampled ON episodes (sampled);
CREATE INDEX episodes_by_gap ON episodes (gap_max);
CREATE INDEX episodes_by_task ON episodes (task);
CREATE INDEX episodes_failed ON episodes (stage) WHERE stage IS NOT NULL;

CREATE TABLE episode_texts (
  episode INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  error TEXT,
  parts TEXT NOT NULL,
  metadata TEXT NOT NULL,
  log TEXT NOT NULL
) STRICT;

-- Token arrays are little-endian: ids u32, clipped i8, all others f32; one entry for each sampled
-- token, but `path`, which has one for each token that the call added to its episode's tree.
CREATE TABLE calls (
  id INTEGER PRIMARY KEY,
  episode INTEGER NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  agent TEXT NOT NULL,
  prompt INTEGER NOT NULL,
  sampled INTEGER NOT NULL,
  shared INTEGER NOT NULL,
  added INTEGER NOT NULL,
  after INTEGER NOT NULL,
  temperature REAL NOT NULL,
  finish TEXT NOT NULL,
  version INTEGER NOT NULL,
  branch TEXT,
  untrainable TEXT,
  prompt_message INTEGER,
  reply_message INTEGER,
  path BLOB NOT NULL,
  logprobs BLOB NOT NULL,
  advantage BLOB,
  trainer BLOB,
  reference BLOB,
  ratio BLOB,
  clipped BLOB,
  adapter TEXT
) STRICT;
CREATE INDEX calls_by_episode ON calls (episode);
CREATE INDEX calls_untrainable ON calls (id) WHERE untrainable IS NOT NULL;
CREATE INDEX calls_branched ON calls (id) WHERE branch IS NOT NULL;

-- An episode's messages as a tree: histories that agree share their messages.
CREATE TABLE messages (
  episode INTEGER NOT NULL,
  number INTEGER NOT NULL,
  parent INTEGER NOT NULL,
  role TEXT NOT NULL,
  name TEXT,
  content TEXT NOT NULL,
  tool_call_id TEXT,
  PRIMARY KEY (episode, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE tool_calls (
  episode INTEGER NOT NULL,
  message INTEGER NOT NULL,
  number INTEGER NOT NULL,
  id TEXT,
  name TEXT NOT NULL,
  arguments TEXT NOT NULL,
  PRIMARY KEY (episode, message, number)
) STRICT, WITHOUT ROWID;
