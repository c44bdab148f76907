/** The rules by name; each has a file of its name, whose head is its specification. */
export const RULES = {
  'ends-once': { number: 1, title: 'every ingest record ends exactly once' },
  'payload-unchanged': { number: 2, title: 'what was said comes out unchanged' },
  'stamps-unique': { number: 3, title: 'msgId and (conversation, seq) are unique' },
  'seq-dense': { number: 4, title: 'seq is dense from 1' },
  'readers-agree': { number: 5, title: 'readers saw what the topic holds' },
  'seq-order': { number: 6, title: 'delivery order is seq order' },
  'sender-order': { number: 7, title: "a sender's order is kept, or late, and late is earned" },
  'msg-id-grows': { number: 8, title: 'msgId grows with seq and along a partition' },
  'stamp-immutable': { number: 9, title: 'a stamp never changes' },
  'epoch-never-falls': { number: 10, title: 'epochs never fall along a partition' },
  'offset-behind-store': { number: 11, title: 'the committed offset is not ahead of the store' },
  'batch-whole': { number: 12, title: 'a batch is visible whole or not at all' },
  'no-open-transaction': { number: 13, title: 'no transaction hangs' },
  'reader-in-order': { number: 14, title: 'no reader skips or rewinds' },
} as const satisfies Record<string, { number: number; title: string }>;

export type RuleName = keyof typeof RULES;

export const RULE_NAMES = Object.keys(RULES) as readonly RuleName[];
