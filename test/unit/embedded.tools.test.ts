import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findTools, javaMajorOf } from '../../src/embedded/tools.js';

/** A Java home whose java says this version. */
function javaHomeOf(version: string): string {
  const home = mkdtempSync(join(tmpdir(), 'inorder-java-'));
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'bin', 'java'), `#!/bin/sh\necho 'openjdk version "${version}" 2024-01-16' >&2\n`, {
    mode: 0o755,
  });
  return home;
}

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_392"', 8],
  ['openjdk version "21" 2023-09-19', 21],
  ['openjdk version "24-ea" 2025-03-18', 24],
  ['Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "11.0.22" 2024-01-16', 11],
  ['command not found', null],
])('the major version of Java is read from %j', (output, major) => {
  expect(javaMajorOf(output)).toBe(major);
});

test('JAVA_HOME is honoured', async () => {
  const home = javaHomeOf('21.0.2');
  expect(await findTools(home, { mvn: false })).toEqual({ java: join(home, 'bin', 'java'), mvn: null });
  rmSync(home, { recursive: true });
});

test('a Java that is too old is refused: what was found, where, what is needed, how to install it', async () => {
  const home = javaHomeOf('11.0.22');
  const refused = await findTools(home, { mvn: false }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'tool_missing' });
  const { message } = refused as Error;
  for (const part of [
    'Java 17 or newer',
    'found version 11',
    home,
    'JAVA_HOME',
    'apt-get install',
    'brew install',
    'KAFKA_BROKERS',
  ]) {
    expect(message).toContain(part);
  }
  rmSync(home, { recursive: true });
});

test('a JAVA_HOME without a Java is named', async () => {
  await expect(findTools('/nowhere/jdk', { mvn: false })).rejects.toThrow(
    'there is none at /nowhere/jdk/bin/java (JAVA_HOME)',
  );
});

test('where both are missing, both are named at once; Maven only where it is needed', () => {
  const bare = mkdtempSync(join(tmpdir(), 'inorder-path-'));
  symlinkSync(process.execPath, join(bare, 'node'));
  // In a process of its own: the PATH is the process's.
  const script = `
    import { findTools } from ${JSON.stringify(resolve('src/embedded/tools.ts'))};
    for (const mvn of [true, false]) await findTools(null, { mvn }).catch((error) => console.log(JSON.stringify(error.message)));
  `;
  const args = ['--import', resolve('test/support/typescript.mjs'), '--input-type=module', '--eval', script];
  const [both = '', javaAlone = ''] = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    env: { PATH: bare },
  }).split('\n');
  expect(both).toContain('there is none on the PATH (JAVA_HOME is unset)');
  expect(both).toContain('there is no mvn on the PATH');
  expect(javaAlone).toContain('there is none on the PATH');
  expect(javaAlone).not.toContain('mvn');
  rmSync(bare, { recursive: true });
});
