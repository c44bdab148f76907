// What types and tests can't see. Formatting is prettier's, import directions are dependency-cruiser's.
import js from '@eslint/js';
import jest from 'eslint-plugin-jest';
import tseslint from 'typescript-eslint';

const SOURCES = ['src/**/*.ts', 'test/**/*.ts'];
const SCRIPTS = ['**/*.mjs', '**/*.cjs', '**/*.js'];

const NODE_GLOBALS = Object.fromEntries(
  ['process', 'console', 'Buffer', 'URL', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'fetch'].map(
    (name) => [name, 'readonly'],
  ),
);

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', '.inorder/', 'node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: SOURCES,
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A promise nobody awaits is a failure nobody sees, and an order nobody keeps. `void` says "on purpose": should it
      // reject all the same, the process ends (cli/main.ts).
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      // A new member of a union must not fall through silently.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Ports are async by contract even where a double answers at once.
      '@typescript-eslint/require-await': 'off',
      // An arrow whose call returns void is the plain way to write a callback.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Generics that brand an id or type a port appear once by design.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // `while (true)` with a return inside is how a loop that ends by its body is written.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      // A class may be a named bundle of static constructors; a namespace object is not clearer.
      '@typescript-eslint/no-extraneous-class': 'off',
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Settings come from src/config, validated once.' },
        {
          object: 'process',
          property: 'exit',
          message: 'Set process.exitCode, or throw; src/cli/main.ts ends the process.',
        },
      ],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // The sole reader of the environment.
    files: ['src/config/environment.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // They end the process, and say so: nothing else may.
    files: ['src/cli/main.ts', 'src/cli/serve.ts', 'src/cli/commands/bench.ts', 'src/cli/commands/demo.ts'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    // Decided purely: no clock, no chance, no I/O. What can be replayed can be explored to the end.
    files: ['src/ordering/**/*.ts', 'src/lane/**/*.ts', 'src/protocol/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'process',
        'fetch',
        'performance',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time is passed in.' },
        { object: 'Math', property: 'random', message: 'What can be replayed can be explored: no chance here.' },
      ],
    },
  },
  {
    // Runs in a browser, too: what only Node has is for client/node/.
    files: ['src/client/*.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'Buffer', 'setImmediate', 'require', '__dirname', 'global'],
    },
  },
  {
    // Bytes and tables are read at indices whose bounds were checked; a `?? 0` there would hide a wrong bound.
    files: ['src/kafka/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    extends: [jest.configs['flat/recommended']],
    settings: { jest: { version: 30, globalPackage: '@jest/globals' } },
    rules: {
      'jest/no-disabled-tests': 'error',
      'jest/no-focused-tests': 'error',
      'jest/no-identical-title': 'error',
      'jest/valid-title': 'error',
      // Properties and model runs assert inside the functions they call.
      'jest/expect-expect': [
        'error',
        { assertFunctionNames: ['expect*', 'fc.assert', 'assert*', 'check*', 'world.*', '**.run'] },
      ],
      'jest/no-conditional-expect': 'off',
      'jest/no-standalone-expect': 'off',
      'no-restricted-properties': 'off',
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // A suite that several test files run on what they bring.
    files: ['test/contracts/*.contract.ts'],
    rules: { 'jest/no-export': 'off' },
  },
  {
    files: SCRIPTS,
    languageOptions: { globals: NODE_GLOBALS },
  },
);
