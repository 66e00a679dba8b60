/** Checks by a program of the user's. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { errnoOf } from '../errors.js'
import type { CheckRun } from './check-run.js'
import type { ExecCheck } from './expectation.js'
import { isOwnFault } from './fault.js'
import type { ProbeTarget } from './protocol.js'

/** Programs under way: none outlives us. */
const running = new Set<ChildProcess>()
process.on('exit', () => running.forEach(killGroup))

/**
 * Runs the program in our network namespace, with the check's addresses in its environment. Status 0 is success. When
 * its time is up it is killed with all that it started in its process group.
 */
export function checkExec(run: CheckRun, { command: [program = '', ...args] }: ExecCheck): void {
  const child = start(run, program, args)
  if (child === undefined) return
  let gone = false
  let released: (() => void) | undefined
  run.begin('exec', program, `killed after ${run.patience}`)
  run.hold({
    release(_answered, done) {
      if (gone) return done()
      released = done
      killGroup(child)
    },
  })
  running.add(child)
  const over = (): void => {
    gone = true
    running.delete(child)
    released?.()
  }
  child.on('error', (error) => {
    // A child that could not be started has no exit.
    if (child.pid === undefined) over()
    if (isOwnFault(error)) run.fault(error)
    else run.fail(`cannot run ${program}: ${errnoOf(error) ?? error.message}`)
  })
  child.on('exit', (status, signal) => {
    over()
    if (status === 0) run.succeed()
    else run.fail(status === null ? `killed by ${signal}` : `exit status ${status}`)
  })
}

function start(run: CheckRun, program: string, args: string[]): ChildProcess | undefined {
  const env = { ...process.env, ...environment(run.target, run.sourcePort) }
  try {
    return spawn(program, args, { env, stdio: 'ignore', detached: true })
  } catch (error) {
    run.fault(error)
    return undefined
  }
}

function environment(target: ProbeTarget, sourcePort: number): Record<string, string> {
  return {
    VEER_SERVICE: target.service,
    VEER_REAL: target.address,
    VEER_ADDRESS: target.destination,
    VEER_PORT: String(target.destinationPort),
    VEER_SOURCE: target.source ?? '',
    VEER_SOURCE_PORT: target.source === undefined ? '' : String(sourcePort),
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}
