/** Several questions to the `ip` tool in one process, without waiting for it. */
import { execFile } from 'node:child_process'
import { VeerError } from '../errors.js'
import type { NetworkNamespace } from './netns.js'

/**
 * The objects of all answers, in their order. A question about a device that is not there has none.
 *
 * @param questions - such as `address show dev eth0`
 * @throws VeerError `LB_ERR_INTERFACES_UNREADABLE`
 */
export async function askIp(namespace: NetworkNamespace, questions: readonly string[]): Promise<object[]> {
  return parseAnswers(await runIp(namespace, `${questions.join('\n')}\n`))
}

/** What `ip -json -batch` printed: a list on each line. */
export function parseAnswers(output: string): object[] {
  const lines = output.split('\n').filter((line) => line.startsWith('['))
  return lines.flatMap((line) => JSON.parse(line) as object[])
}

/** A device that is not there makes ip print an error, go on (-force) and exit with 1. */
function runIp(namespace: NetworkNamespace, input: string): Promise<string> {
  const args = ['-json', '-details', '-force', '-batch', '-']
  return new Promise((resolve, reject) => {
    const child = namespace.run(() =>
      execFile('ip', args, { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 }, (error, stdout) => {
        if (error === null || error.code === 1) resolve(stdout)
        else reject(unreadable(error))
      }),
    )
    // One that cannot be started, or ended early, is told of above.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
  })
}

function unreadable(cause: Error): VeerError {
  return new VeerError('LB_ERR_INTERFACES_UNREADABLE', 'cannot look at network interfaces: the ip tool failed', {
    hint: 'install iproute2, and see what this prints: ip -json -details address show',
    cause,
  })
}
