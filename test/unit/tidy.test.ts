/** The repository keeps the rules that lint can't see; and each check sees a violation planted before it. */
import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { buildProgram } from '../../src/cli/program.js';
import { VARIABLES } from '../../src/config/variables.js';
import {
  environmentReadOnce,
  existsIn,
  kafkajsAtHome,
  noDeadLinks,
  noDeadScripts,
  noLongFiles,
  noMachinePaths,
  noMissingRows,
  noNamelessFiles,
  noRegistryHosts,
  nothingUnfinished,
  pgAtHome,
  readRepository,
  type Check,
} from '../support/tidy.js';

const files = readRepository('.');
const scripts = Object.keys((JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: object }).scripts);

interface Case {
  readonly rule: string;
  readonly check: Check;
  /** path and text, each a violation */
  readonly guilty: readonly (readonly [path: string, text: string])[];
  readonly innocent: readonly (readonly [path: string, text: string])[];
}

const CASES: readonly Case[] = [
  {
    rule: 'no source file is longer than a reader holds',
    check: noLongFiles,
    guilty: [['src/a.ts', 'x;\n'.repeat(351)]],
    innocent: [
      ['src/a.ts', 'x;\n'.repeat(350)],
      ['test/a.test.ts', 'x;\n'.repeat(351)],
    ],
  },
  {
    rule: 'the environment is read in src/config only',
    check: environmentReadOnce,
    guilty: [
      ['src/kafka/a.ts', 'const level = process.env.LOG_LEVEL;'],
      ['src/cli/a.ts', "const level = process['env']['LOG_LEVEL'];"],
      ['src/cli/a.ts', "import { env } from 'node:process';"],
    ],
    innocent: [
      ['src/config/a.ts', 'read(process.env)'],
      ['test/a.ts', 'read(process.env)'],
    ],
  },
  {
    rule: 'kafkajs is imported in src/kafka only',
    check: kafkajsAtHome,
    guilty: [
      ['src/stages/a.ts', "import { Kafka } from 'kafkajs';"],
      ['src/stages/a.ts', "const { Kafka } = await import('kafkajs');"],
      ['src/cli/a.ts', "import x from 'kafkajs/src/consumer/index.js';"],
    ],
    innocent: [
      ['src/kafka/a.ts', "import { Kafka } from 'kafkajs';"],
      ['src/stages/a.ts', '// as kafkajs does it'],
    ],
  },
  {
    rule: 'pg is imported in src/postgres only',
    check: pgAtHome,
    guilty: [['src/stages/a.ts', "import pg from 'pg';"]],
    innocent: [
      ['src/postgres/a.ts', "import pg from 'pg';"],
      ['src/cli/a.ts', "import x from 'pg-other';"],
    ],
  },
  {
    rule: 'files are named after what they own',
    check: noNamelessFiles,
    guilty: [
      ['src/utils.ts', ''],
      ['src/kafka/string-helpers.ts', ''],
      ['test/common/a.ts', ''],
    ],
    innocent: [['src/commit.ts', '']],
  },
  {
    rule: 'nothing is left to be finished later',
    check: nothingUnfinished,
    guilty: [
      ['src/a.ts', `// ${'TO' + 'DO'}: handle this`],
      ['docs/a.md', `${'FIX' + 'ME'} later`],
    ],
    innocent: [['src/a.ts', 'const todoCount = results.numTodoTests;']],
  },
  {
    rule: 'no path of one machine is written down',
    check: noMachinePaths,
    guilty: [
      ['README.md', `cd ${'/ho' + 'me'}/ann/inorder`],
      ['src/a.ts', `read('${'/Us' + 'ers'}/ann/x')`],
      ['test/a.ts', `'${'/ro' + 'ot'}/.m2'`],
      ['docs/a.md', `see ${'/wo' + 'rk'}/main`],
    ],
    innocent: [
      ['Dockerfile', `WORKDIR ${'/ho' + 'me'}/node/app`],
      ['src/a.ts', "'/bin/sh'"],
    ],
  },
];

test.each(CASES)('$rule', ({ check }) => {
  expect(check(files)).toEqual([]);
});

test.each(CASES)('$rule: the check sees it', ({ check, guilty, innocent }) => {
  for (const [path, text] of guilty) {
    expect({ path, text, found: check([{ path, text }]).length }).toMatchObject({ found: 1 });
  }
  expect(check(innocent.map(([path, text]) => ({ path, text })))).toEqual([]);
});

test('the lock file names no registry host', () => {
  expect(noRegistryHosts(readFileSync('package-lock.json', 'utf8'))).toEqual([]);
});

test('the lock file names no registry host: the check sees it', () => {
  expect(noRegistryHosts('{ "resolved": "https://registry.example/a.tgz", "resolved": "http://b" }')).toHaveLength(2);
});

test('documents and CI tell to run only what package.json has', () => {
  expect(noDeadScripts(files, scripts)).toEqual([]);
});

test('documents and CI tell to run only what package.json has: the check sees it', () => {
  const told = [
    { path: 'README.md', text: 'Type `npm run gone` or npm run --silent build.' },
    { path: '.ci/run', text: 'npm run gone:too' },
  ];
  expect(noDeadScripts(told, ['build'])).toHaveLength(2);
});

test('links between documents lead somewhere', () => {
  expect(noDeadLinks(files, existsIn('.'))).toEqual([]);
});

test('links between documents lead somewhere: the check sees it', () => {
  const text = '[a](adr/0001.md#why) [b](../README.md) [c](https://example.org/x) [d](#here)';
  expect(noDeadLinks([{ path: 'docs/a.md', text }], (path) => path === 'README.md')).toEqual([
    'docs/a.md links to docs/adr/0001.md, which is not there',
  ]);
});

describe.each(['README.md', 'README.zh-CN.md'])('%s', (path) => {
  const document = { path, text: readFileSync(path, 'utf8') };

  test('explains every variable', () => {
    expect(noMissingRows(document, Object.keys(VARIABLES))).toEqual([]);
  });

  test('explains every command', () => {
    const commands = buildProgram().commands.map((command) => command.name());
    expect(commands).toContain('start');
    expect(noMissingRows(document, commands)).toEqual([]);
  });
});

test('the readmes explain every variable and command: the check sees it', () => {
  const text =
    'Set `PORT`.\n\n| variable | |\n| --- | --- |\n| `HOST`、`USER_NAME` | see `OTHER` |\n| `dlq list\\|show` | |\n';
  expect(noMissingRows({ path: 'a.md', text }, ['HOST', 'USER_NAME', 'dlq'])).toEqual([]);
  expect(noMissingRows({ path: 'a.md', text }, ['PORT', 'OTHER', 'USER', 'show'])).toHaveLength(4);
});

test('the repository was read', () => {
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(['src/embedded/servers.ts', 'test/unit/tidy.test.ts', 'package.json']));
  expect(paths.filter((path) => path.startsWith('node_modules'))).toEqual([]);
});
