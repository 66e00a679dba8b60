/** What the compiler does not say: layers, sizes, promises that nobody awaits. Formatting is .editorconfig's. */
import eslint from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** From the lowest up. A layer imports itself and what is in the groups before its own. */
const LAYERS = [
  ['native', 'net', 'btf'],
  ['maps'],
  ['loader'],
  ['system', 'scheduler', 'config'],
  ['dataplane'],
  ['health'],
  ['control'],
  ['api', 'cli'],
]

/** These decide and compute; what touches the kernel is not for them. */
const PURE = ['net', 'btf', 'scheduler', 'config']

const KERNEL = ['native', 'loader', 'system']

/** For each layer the layers that it must not import. */
const layering = LAYERS.flatMap((group, index) =>
  group.map((layer) => {
    const above = LAYERS.slice(index + 1).flat()
    const forbidden = PURE.includes(layer) ? [...new Set([...above, ...KERNEL])] : above
    const patterns = forbidden.map((name) => ({
      // Only paths that lead to src/NAME: another layer may have a file of that name.
      regex: `^(\\.\\./)+${name}(/|\\.js$)`,
      message: `${layer}/ must not import ${name}: see the order of layers in eslint.config.js`,
    }))
    return {
      files: [`src/${layer}/**/*.ts`, `src/${layer}.ts`],
      rules: { 'no-restricted-imports': ['error', { patterns }] },
    }
  }),
)

export default defineConfig(
  globalIgnores(['build/', 'dist/', 'coverage/', 'node_modules/', 'src/maps/generated.ts']),
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers read as they are meant in messages and commands.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allow: [{ from: 'file', name: 'NetworkNamespace' }] },
      ],
      // () => void expressions are the house style of short callbacks.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // `_name` says that it is there for its effect or its place.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
      'no-console': 'error',
    },
  },
  ...layering,
  {
    files: ['test/**/*.ts', 'lab/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts', 'examples/**/*.ts'],
    rules: {
      // Handing a method to expect() does not call it.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: Object.fromEntries(
        ['process', 'Buffer', 'console', 'setTimeout', 'URL', 'require', '__dirname'].map((name) => [name, 'readonly']),
      ),
    },
  },
)
