-- Sender order: what a lane holds for a gap in a sender's numbers, until the missing ones come or the window ends.
-- A row is written in the statement that moves the lane past its record, and removed in the one that stamps it, so
-- that whoever takes the lane finds what is still to come. It has everything that the message will have but its place
-- in the order: seq and msg_id are given when it goes out.
--
-- Rows live for a moment: dead ones are swept early. deadline is the wall clock when the window ends.
CREATE TABLE held_message (
  logic_offset     bigint  NOT NULL,
  deadline         bigint  NOT NULL,
  sent_at          bigint  NOT NULL,
  received_at      bigint  NOT NULL,
  sender_seq       bigint  NOT NULL,
  lane_epoch       bigint  NOT NULL,
  ingest_offset    bigint  NOT NULL,
  partition        integer NOT NULL,
  ingest_partition integer NOT NULL,
  conversation_id  text COLLATE "C" NOT NULL,
  sender_id        text COLLATE "C" NOT NULL,
  receiver_id      text COLLATE "C",
  group_id         text COLLATE "C",
  client_msg_id    text COLLATE "C" NOT NULL,
  prev_sender_seq  bigint,
  sender_epoch     bigint,
  content_hash     bytea NOT NULL,
  body             text  NOT NULL,
  meta             text,
  traceparent      bytea,
  tracestate       bytea,
  PRIMARY KEY (partition, logic_offset),
  CHECK ((receiver_id IS NULL) <> (group_id IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, vacuum_truncate = false);

-- How far a sender has come in a conversation is what its last numbered row says that isn't late; no table and no
-- index of its own is kept for it, which would cost something with every message (ADR 0004). Two things that row may
-- not tell, of senders that number without epochs; null where it does, as nearly always:
-- the highest sent_at delivered in turn, and the highest of the life before the last reset (milliseconds).
ALTER TABLE message
  ADD COLUMN high_sent_at   bigint,
  ADD COLUMN former_sent_at bigint;
