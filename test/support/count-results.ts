/**
 * Prints `PASSED FAILED` of a vitest JSON report, for scripts/test. Failed are also: skipped tests, files that could
 * not be loaded, and a run that failed for no reason that the report knows.
 */
import { readFileSync } from 'node:fs'

interface Report {
  testResults: { name: string; status: string; assertionResults: { status: string; fullName: string }[] }[]
}

const [path = '', exitCode = '1'] = process.argv.slice(2)
const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report
const tests = testResults.flatMap((file) => file.assertionResults)
const passed = tests.filter(({ status }) => status === 'passed').length
const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed')
const unloaded = testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
)
for (const { fullName } of skipped) console.error(`skipped, which counts as failed: ${fullName}`)
for (const { name } of unloaded) console.error(`did not run: ${name}`)
const failed = tests.length - passed + unloaded.length
console.log(passed, failed === 0 && exitCode !== '0' ? 1 : failed)
