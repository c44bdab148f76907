/**
 * The sole reader of the environment: strings in, validated settings out, once. Everything that is wrong is told at
 * once, by variable, what it holds and what it may hold; a secret is never shown.
 */
import { InorderError } from '../errors.js';
import { nearestName } from './nearest-name.js';
import { settingsFrom, type Settings } from './settings.js';
import { environmentShape, RELATIONS, VARIABLES, type VariableName } from './variables.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ReadSettings {
  readonly settings: Settings;
  /** Sentences about variables that look like ours and aren't. */
  readonly warnings: readonly string[];
}

/** @throws InorderError config_invalid that lists every bad variable. */
export function readSettings(environment: Environment = process.env): ReadSettings {
  const given = givenVariables(environment);
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) throw invalid(parsed.error.issues, given);
  const surroundings = { color: wantsColor(environment), javaHome: environment['JAVA_HOME'] ?? null };
  return {
    settings: settingsFrom(parsed.data, surroundings),
    warnings: unknownNames(environment),
  };
}

/** What a child process of ours is to see: this environment with some variables set. */
export function environmentWith(changes: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...process.env, ...changes };
}

/** Whether the person asked for stacks and details. Read before, and whether or not, the settings are valid. */
export function isDebugging(environment: Environment = process.env): boolean {
  return environment['LOG_LEVEL']?.toLowerCase() === 'debug';
}

/** A relation is judged once each of its variables is right by itself, whatever is wrong elsewhere. */
const environmentSchema = RELATIONS.reduce(
  (schema, { between, holds, expected }) =>
    schema.superRefine(
      (variables, context) => {
        if (holds(variables)) return;
        const [path, message, params] = [[between[0]], expected(variables), OF_RELATION];
        context.addIssue({ code: 'custom', path, message, params });
      },
      {
        when: ({ issues }) =>
          !issues.some((issue) => isOfValue(issue) && between.some((name) => name === issue.path?.[0])),
      },
    ),
  environmentShape,
);

/** Marks what a relation found, so that one relation's finding doesn't keep the next from being judged. */
const OF_RELATION = { relation: true };

function isOfValue(issue: object): boolean {
  return !('params' in issue && issue.params === OF_RELATION);
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function invalid(issues: readonly Issue[], given: Environment): InorderError {
  const sentences = issues.map(({ path, message }) => {
    const name = String(path[0]);
    return `${name} holds ${shownValue(name, given[name])}; it may hold ${message}`;
  });
  const [only] = sentences;
  if (sentences.length === 1 && only !== undefined) return new InorderError('config_invalid', only);
  return new InorderError('config_invalid', `${sentences.length} settings can't be used:\n  ${sentences.join('\n  ')}`);
}

/** Our variables, set to something. An empty one counts as unset: that is how compose files pass nothing. */
function givenVariables(environment: Environment): Environment {
  const values = Object.keys(VARIABLES).map((name): [string, string | undefined] => [name, environment[name]]);
  return Object.fromEntries(values.filter(([, value]) => value?.trim()));
}

function shownValue(name: string, value: string | undefined): string {
  if (value === undefined) return 'nothing';
  if (name === ('KAFKA_SASL_PASSWORD' satisfies VariableName)) return '(a password, not shown)';
  return JSON.stringify(name === ('DATABASE_URL' satisfies VariableName) ? withoutPassword(value) : value);
}

/** A URL, or what was meant as one, fit to be shown. */
export function withoutPassword(url: string): string {
  const masked = url.replace(/(:\/\/[^:/@]*):.*@/, '$1:***@').replace(/(password=)[^&\s]*/gi, '$1***');
  return masked === url && url.includes('@') && !/:\/\/[^:@]*@[^@]*$/.test(url)
    ? '(not shown: it may hold a password)'
    : masked;
}

/** Names that nobody reads but that look like ours: a typo must not leave a default in force silently. */
function unknownNames(environment: Environment): string[] {
  const known = Object.keys(VARIABLES);
  return Object.keys(environment)
    .filter((name) => !known.includes(name) && !name.startsWith('INORDER_TEST_'))
    .flatMap((name) => {
      const nearest = nearestName(name, known);
      if (name.startsWith('INORDER_')) {
        return [`${name} is not a setting${nearest === null ? '' : `; did you mean ${nearest}?`}`];
      }
      const isClose = /^(KAFKA|DATABASE)_/.test(name) && nearest !== null && nearestName(name, [nearest], 2) !== null;
      return isClose ? [`${name} is not read; did you mean ${nearest}?`] : [];
    });
}

/** https://no-color.org, and terminals that can't. */
function wantsColor(environment: Environment): boolean {
  return !environment['NO_COLOR'] && environment['TERM'] !== 'dumb';
}
