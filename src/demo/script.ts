/** What is said in the chat that the demo shows: two people who take turns, each several messages at a time. */
export interface ScriptLine {
  readonly sender: string;
  readonly text: string;
}

/** Its clock is minutes off. */
export const MIA = 'mia';
/** Her phone writes local time, eight hours ahead, where UTC is meant; and she reinstalls the application. */
export const LIN = '小林';

const says = (sender: string, ...texts: string[]): ScriptLine[] => texts.map((text) => ({ sender, text }));

export const SCRIPT: readonly ScriptLine[] = [
  ...says(MIA, 'Dinner tonight?', 'The noodle place?'),
  ...says(LIN, '好啊，八点可以', '要我订位吗？', 'Four of us, right?'),
  ...says(MIA, 'Five, Jan is coming', 'A table by the window', 'and one high chair'),
  ...says(LIN, '订好了', 'Window, five, 20:00', '不过没有儿童椅'),
  ...says(MIA, 'No problem', 'We bring our own'),
  ...says(LIN, '换了手机，还是我', '走吧，出发了', 'See you at eight'),
  ...says(MIA, 'On my way', '一会儿见'),
];

/** The worker that owns the chat's lane is killed before this line is sent, the one before it being under way. */
export const KILL_BEFORE = SCRIPT.findIndex(({ text }) => text === 'Window, five, 20:00');
/** The sender's sequence file is deleted before this line. */
export const LOSS_BEFORE = SCRIPT.findIndex(({ text }) => text === '换了手机，还是我');
