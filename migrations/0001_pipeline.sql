-- The tables of one pipeline. Names are unqualified: they go to the first schema of the search_path.
--
-- Times are milliseconds since 1970 UTC (bigint): no time zone can change them. Ids compare byte by byte
-- (COLLATE "C"): quicker in an index than a language's rules, and the same on every server whatever its locale.
-- No constraint spans lanes, so that lanes can later live on several databases.
-- Fixed-width columns that are never null come first: rows are smaller and columns are found without walking.

-- What is true of the whole database, pinned at the first start.
CREATE TABLE pipeline (
  only_row     boolean NOT NULL DEFAULT true PRIMARY KEY CHECK (only_row),
  topic_prefix text    NOT NULL,
  partitions   integer NOT NULL CHECK (partitions BETWEEN 1 AND 1024),
  created_at   bigint  NOT NULL
);

-- A partition's one sequential owner: its fence, and its position in the logic topic.
-- Updated with every batch. The free space of a page takes the new versions, which need no index entry (HOT) and are
-- swept at the next update; without truncation autovacuum never takes the exclusive lock that would stall the lanes.
CREATE TABLE lane (
  partition   integer NOT NULL PRIMARY KEY,
  epoch       bigint  NOT NULL,
  next_offset bigint  NOT NULL,
  last_msg_id bigint  NOT NULL,
  taken_at    bigint  NOT NULL,
  owner       text    NOT NULL
) WITH (fillfactor = 10, vacuum_truncate = false);

-- A stamped message. body and meta hold the JSON exactly as it came, so they are text and not json.
CREATE TABLE message (
  seq              bigint  NOT NULL,
  msg_id           bigint  NOT NULL,
  sent_at          bigint  NOT NULL,
  received_at      bigint  NOT NULL,
  stamped_at       bigint  NOT NULL,
  lane_epoch       bigint  NOT NULL,
  ingest_offset    bigint  NOT NULL,
  partition        integer NOT NULL,
  ingest_partition integer NOT NULL,
  late             boolean NOT NULL,
  conversation_id  text COLLATE "C" NOT NULL,
  sender_id        text COLLATE "C" NOT NULL,
  receiver_id      text COLLATE "C",
  group_id         text COLLATE "C",
  client_msg_id    text COLLATE "C" NOT NULL,
  sender_seq       bigint,
  prev_sender_seq  bigint,
  sender_epoch     bigint,
  content_hash     bytea NOT NULL,
  body             text  NOT NULL,
  meta             text,
  traceparent      bytea,
  tracestate       bytea,
  PRIMARY KEY (conversation_id, seq),
  UNIQUE (conversation_id, sender_id, client_msg_id),
  CHECK ((receiver_id IS NULL) <> (group_id IS NULL))
);

-- Takeover reads a lane's rows above the watermark, in msg_id order. Not unique: the fence and the floor stored with
-- the lane keep ids apart, and checking that again would cost something with every row.
CREATE INDEX message_by_lane ON message (partition, msg_id);

-- The head of a conversation. previous_last_seq is last_seq before the last batch: the store sets last_seq to null,
-- which is refused, where it isn't the head that the lane counted on (ADR 0003).
CREATE TABLE conversation (
  last_seq          bigint  NOT NULL,
  previous_last_seq bigint  NOT NULL,
  last_msg_id       bigint  NOT NULL,
  partition         integer NOT NULL,
  conversation_id   text COLLATE "C" NOT NULL PRIMARY KEY
) WITH (fillfactor = 60, vacuum_truncate = false);

-- A record that a lane refused, until and after it was forwarded to the dead letter topic. key and value are the
-- producer's bytes (null stays null), headers its headers, encoded (src/protocol/dead-letter.ts).
CREATE TABLE dead_letter (
  msg_id           bigint  NOT NULL,
  stamped_at       bigint  NOT NULL,
  lane_epoch       bigint  NOT NULL,
  ingest_offset    bigint  NOT NULL,
  partition        integer NOT NULL,
  ingest_partition integer NOT NULL,
  reason           text    NOT NULL,
  detail           text    NOT NULL,
  key              bytea,
  value            bytea,
  headers          bytea   NOT NULL,
  PRIMARY KEY (partition, msg_id)
);
