import { Option, type Command } from 'commander';
import { accessSync, closeSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import type { Bins } from '../../check/bins.js';
import { checkEvidence, type CheckOptions } from '../../check/check-evidence.js';
import type { Evidence } from '../../check/evidence.js';
import { acknowledgedPlaces } from '../../check/readers/acknowledged-places.js';
import { fieldMapOf, fileEvidence } from '../../check/readers/file-evidence.js';
import { serverEvidence } from '../../check/readers/server-evidence.js';
import { SpilledBins } from '../../check/readers/spilled-bins.js';
import { reportPage } from '../../check/report/page.js';
import { Timeline } from '../../check/report/timeline.js';
import { runSelfTest } from '../../check/self-test/run-self-test.js';
import { RULE_NAMES, RULES, type RuleName } from '../../check/rules/catalogue.js';
import type { Verdict } from '../../check/verdict.js';
import { systemClock } from '../../clock/clock.js';
import { InorderError, messageOf } from '../../errors.js';
import { putInPlace, writeAside } from '../../files/replace-file.js';
import { PartitionLogReader } from '../../kafka/partition-log.js';
import { groupNames } from '../../stages/group-names.js';
import { checkLive } from '../check-live.js';
import { showSelfTest, showVerdict } from '../check-output.js';
import { connectDatabase, connectKafka, openAdmin } from '../connect.js';
import { openContext, type CommandContext } from '../context.js';
import { numberOption, wholeNumber } from '../options.js';
import { note, printJson } from '../output.js';
import { grouped, Progress } from '../progress.js';
import { withResources, type Resources } from '../resources.js';

const HELP = `
Judges the promises on what lies in the topics and tables, or in exported files: 14 rules, each pass, fail or unknown, with
the records and rows that show it. Exit code 0: pass, 1: fail, 2: unknown. A rule without evidence is not judged, and counts
only where --require names it. docs/check.md says what each rule means.

Examples:
  $ inorder check                                  the running system, as it is now
  $ inorder check --drained                        nothing is written any more: judge the ends strictly
  $ inorder check --delivery out.jsonl --ingest in.jsonl --map seq=n --map body=text
                                                   another pipeline, by what it exported
  $ inorder check --drained --acknowledged places.jsonl
                                                   what \`produce --acknowledged\` noted must be in the topic, too
  $ inorder check --live                           watch: what is found is said at once, and raises a metric
  $ inorder check --report check.html              order and latency over time, and all evidence, as a page
  $ inorder check --json --require ends-once,seq-dense
  $ inorder check --self-test                      why believe it: planted faults, and a million clean messages

Rules: ${RULE_NAMES.map((name) => `${RULES[name].number} ${name}`).join(', ')}`;

interface CheckFlags {
  readonly delivery?: string;
  readonly ingest?: string;
  readonly dlq?: string;
  readonly readers?: string;
  readonly acknowledged?: string;
  readonly map: readonly string[];
  readonly require?: ReadonlySet<RuleName>;
  readonly drained?: boolean;
  readonly settle: number;
  readonly findings: number;
  readonly json?: boolean;
  readonly report?: string;
  readonly live?: boolean;
  readonly selfTest?: true | number;
}

const SELF_TEST_MESSAGES = 1_000_000;
const SELF_TEST_CONVERSATIONS = 10_000;

const EXIT_CODES = { pass: 0, fail: 1, unknown: 2 } as const;

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('prove or refute the promises, with evidence')
    .option('--delivery <file>', 'judge this file of JSON lines in place of the delivery topic')
    .option('--ingest <file>', 'and this one in place of the ingest topic')
    .option('--dlq <file>', 'and this one in place of the dead letter topic, as `dlq list --json` writes it')
    .option('--readers <file>', 'what readers saw, as JSON lines')
    .option('--acknowledged <file>', 'places that must be in the ingest topic: {"partition":0,"offset":12} a line')
    .addOption(
      new Option('--map <field=path>', 'where a field lies in the lines; may be repeated')
        .argParser((one: string, all: readonly string[]) => [...all, one])
        .default([] as readonly string[], 'the names of the delivery record'),
    )
    .addOption(new Option('--require <rules>', 'rules that must be answered, and no others').argParser(rulesIn))
    .option('--drained', 'nothing is written any more: no transaction may be open, nothing on its way')
    .addOption(numberOption('--settle <seconds>', 'wait so long for what was ingested to arrive', 0, 3_600, 10))
    .addOption(numberOption('--findings <count>', 'show so many of each rule', 1, 10_000, 10))
    .option('--json', 'the verdict as one JSON object')
    .option('--live', 'watch the delivery topic from now on, until Ctrl-C: violations as they come, and metrics')
    .option('--report <file>', 'write a page (HTML, needs no network): plots over time, rules, evidence')
    .addOption(
      new Option(
        '--self-test [messages]',
        'try the checker itself: planted faults, and a clean history of so many',
      ).argParser(wholeNumber(1_000, 1_000_000_000)),
    )
    .addHelpText('after', HELP)
    .action(check);
}

async function check(flags: CheckFlags): Promise<void> {
  if (flags.selfTest !== undefined) {
    return selfTest(flags.selfTest === true ? SELF_TEST_MESSAGES : flags.selfTest, flags.json === true);
  }
  if (flags.live === true) return live(flags);
  if (flags.report !== undefined) refuseUnwritable(flags.report);
  const context = openContext('client');
  const beganMs = performance.now();
  const progress = new Progress();
  try {
    await withResources(context.log, async (resources) => {
      const evidence = await evidenceFor(flags, context, resources, progress);
      const timeline = flags.report === undefined ? null : new Timeline(evidence.topics);
      const verdict = await checkEvidence(evidence, optionsFor(flags, progress, new SpilledBins(), timeline));
      progress.end();
      tell(verdict, evidence, timeline, (performance.now() - beganMs) / 1_000, flags);
    });
  } finally {
    progress.end();
  }
}

function tell(
  verdict: Verdict,
  evidence: Evidence,
  timeline: Timeline | null,
  seconds: number,
  flags: CheckFlags,
): void {
  const { json, report } = flags;
  if (json === true) printJson({ ...verdict, seconds });
  else showVerdict(verdict, seconds);
  process.exitCode = EXIT_CODES[verdict.answer];
  if (timeline === null || report === undefined) return;
  const { ingest, delivery } = evidence.topics;
  const given = [evidence.ingest && ingest, evidence.delivery && delivery].filter((name) => name !== undefined);
  const subject = given.join(' and ');
  writeReport(
    report,
    reportPage({ verdict, plotted: timeline.plotted(), subject, seconds, atMs: systemClock.nowMs() }),
  );
  note(`the page is in ${report}`);
}

/** Before the work, not after it. @throws InorderError usage */
function refuseUnwritable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK);
  } catch (error) {
    throw new InorderError('usage', `--report ${path} can't be written: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws InorderError usage */
function writeReport(path: string, page: string): void {
  try {
    closeSync(writeAside(path, page));
    putInPlace(path);
  } catch (error) {
    throw new InorderError('usage', `--report ${path} can't be written: ${messageOf(error)}`, { cause: error });
  }
}

async function live(flags: CheckFlags): Promise<void> {
  const { delivery, ingest, dlq, readers, acknowledged, report, json, findings: findingsPerRule } = flags;
  if ([delivery, ingest, dlq, readers, acknowledged, report].some((file) => file !== undefined)) {
    throw new InorderError('usage', '--live watches a running system: it goes with --json and --findings only');
  }
  const beganMs = performance.now();
  const asJson = json === true;
  const verdict = await checkLive(openContext('client'), { findingsPerRule, asJson });
  const seconds = (performance.now() - beganMs) / 1_000;
  if (asJson) printJson({ kind: 'verdict', ...verdict, seconds });
  else showVerdict(verdict, seconds);
  process.exitCode = EXIT_CODES[verdict.answer];
}

async function selfTest(messages: number, asJson: boolean): Promise<void> {
  const progress = new Progress();
  const onProgress = (what: string): void => progress.update(() => what);
  const bins = new SpilledBins();
  const report = await runSelfTest({ seed: 1, messages, conversations: SELF_TEST_CONVERSATIONS, bins, onProgress });
  progress.end();
  const { planted, clean } = report;
  if (asJson) printJson(report);
  else showSelfTest(report);
  process.exitCode = clean.answer === 'pass' && planted.every(({ isFound }) => isFound) ? 0 : 1;
}

function optionsFor(flags: CheckFlags, progress: Progress, bins: Bins, timeline: Timeline | null): CheckOptions {
  return {
    bins,
    findingsPerRule: flags.findings,
    required: flags.require ?? null,
    onProgress: (count, what) => progress.update(() => `${grouped(count)} read: ${what}`),
    ...(timeline === null
      ? {}
      : {
          onIngested: (record) => timeline.ingested(record),
          onDelivered: (record, placesOff) => timeline.delivered(record, placesOff),
          onFinding: (finding) => timeline.found(finding),
        }),
  };
}

async function evidenceFor(
  flags: CheckFlags,
  context: CommandContext,
  resources: Resources,
  progress: Progress,
): Promise<Evidence> {
  const { delivery = null, ingest = null, dlq = null, readers = null } = flags;
  const map = fieldMapOf(flags.map);
  const acknowledged = await acknowledgedIn(flags);
  const files = { delivery, ingest, deadLetters: dlq, observations: readers, map, isDrained: flags.drained === true };
  if (delivery !== null || ingest !== null) return { ...(await fileEvidence(files)), ...acknowledged };
  if (dlq !== null) throw new InorderError('usage', '--dlq goes with --ingest and --delivery');
  const kafka = connectKafka(context, 'check');
  const logs = new PartitionLogReader(kafka);
  resources.opened('partition logs', () => logs.close());
  const evidence = await serverEvidence({
    topics: context.settings.topics,
    groups: groupNames(context.settings.topicPrefix),
    admin: openAdmin(kafka, resources),
    logs,
    database: connectDatabase(context, 'check', resources),
    clock: systemClock,
    settleMs: flags.settle * 1_000,
    isDrained: flags.drained === true,
    onProgress: (what) => progress.update(() => what),
  });
  const { observations } = await fileEvidence(files);
  return { ...evidence, ...acknowledged, ...(observations === undefined ? {} : { observations }) };
}

/** To be read before the moment that is judged: what was acknowledged by then is there. @throws InorderError usage */
async function acknowledgedIn({ acknowledged, delivery, ingest }: CheckFlags): Promise<Pick<Evidence, 'acknowledged'>> {
  if (acknowledged === undefined) return {};
  if (delivery !== undefined && ingest === undefined) {
    throw new InorderError('usage', '--acknowledged goes with --ingest, or with the running system');
  }
  return { acknowledged: await acknowledgedPlaces(acknowledged) };
}

/** @throws InorderError usage */
function rulesIn(text: string): ReadonlySet<RuleName> {
  const names = text === 'all' ? RULE_NAMES : text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !Object.hasOwn(RULES, name));
  if (unknown === undefined) return new Set(names as readonly RuleName[]);
  throw new InorderError('usage', `--require ${unknown}: no such rule; there are all, ${RULE_NAMES.join(', ')}`);
}
